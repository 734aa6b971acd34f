"""redis-py against Redis."""

from pathlib import Path

import pytest
from support.program import needs, run_patched

pytestmark = [pytest.mark.real, needs("redis", "redis")]


def test_slow_commands_at_once(redis: int, tmp_path: Path) -> None:
    run_patched(
        """
        import redis
        client = redis.Redis("127.0.0.1", int(sys.argv[1]))
        def slow(n):
            def answer():
                time.sleep(1)
                client.rpush(f"queue {n}", n)
            threading.Thread(target=answer).start()
            return client.blpop(f"queue {n}", timeout=20)
        results, times = at_once(slow)
        assert results == [(b"queue %d" % n, b"%d" % n) for n in range(50)], results
        assert times < 3, times
        """,
        tmp_path,
        redis,
    )


def test_many_small_commands_and_messages(redis: int, tmp_path: Path) -> None:
    """A pool of five connections for fifty threads; a subscriber gets all that was published, in order."""
    run_patched(
        """
        import redis
        pool = redis.BlockingConnectionPool(host="127.0.0.1", port=int(sys.argv[1]), max_connections=5)
        client = redis.Redis(connection_pool=pool)
        subscriber = client.pubsub()
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=10)["type"] == "subscribe"
        def work(n):
            for step in range(20):
                client.set(f"key {n}", f"{n}.{step}")
                assert client.get(f"key {n}") == f"{n}.{step}".encode()
                with client.pipeline() as pipe:
                    pipe.incr("sum").publish("news", f"{n}.{step}").execute()
            return n
        with concurrent.futures.ThreadPoolExecutor(50) as threads:
            assert list(threads.map(work, range(50))) == list(range(50))
        assert int(client.get("sum")) == 1000
        news = [subscriber.get_message(timeout=10)["data"].decode() for _ in range(1000)]
        for n in range(50):
            assert [text for text in news if text.startswith(f"{n}.")] == [f"{n}.{step}" for step in range(20)]
        subscriber.close()
        pool.disconnect()
        """,
        tmp_path,
        redis,
    )


def test_kill_and_timeout_leave_the_pool_usable(redis: int, tmp_path: Path) -> None:
    """A connection that was left in mid-reply is never lent again with the old reply in it."""
    run_patched(
        """
        import greenrt, redis
        pool = redis.BlockingConnectionPool(host="127.0.0.1", port=int(sys.argv[1]), max_connections=5)
        client = redis.Redis(connection_pool=pool)
        def wait(n):
            return client.blpop(f"silent {n}", timeout=30)
        for end in range(2):
            waiters = [greenrt.spawn(wait, n) for n in range(5)]
            greenrt.sleep(0.2)
            greenrt.killall(waiters)
            try:
                with greenrt.Timeout(0.2):
                    wait(7)
                raise AssertionError
            except greenrt.Timeout:
                pass
            for n in range(5):
                client.rpush(f"silent {n}", "late")
            for n in range(20):
                client.set("own", n)
                assert client.get("own") == b"%d" % n
            assert [client.echo(str(n)) for n in range(20)] == [b"%d" % n for n in range(20)]
        pool.disconnect()
        """,
        tmp_path,
        redis,
    )


def test_a_read_times_out(redis: int, tmp_path: Path) -> None:
    run_patched(
        """
        import redis
        client = redis.Redis("127.0.0.1", int(sys.argv[1]), socket_timeout=0.3, retry=None)
        began = time.monotonic()
        try:
            client.blpop("nothing", timeout=20)
            raise AssertionError
        except redis.TimeoutError:
            assert 0.2 < time.monotonic() - began < 10
        assert client.ping()
        client.close()
        """,
        tmp_path,
        redis,
    )
