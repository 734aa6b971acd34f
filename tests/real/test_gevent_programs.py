"""Programs written for gevent, unedited, on greenrt: libraries that import gevent, with their real counterparts.

Each runs on greenrt and, if gevent is installed, on gevent too; the summary shows how their rates compare.
"""

import textwrap
from pathlib import Path

import pytest
from support.program import needs
from support.stand_in import run_as

pytestmark = [pytest.mark.real, pytest.mark.time_limit(150)]


def run(name: str, text: str, folder: Path, *arguments: object, **variables: str) -> str:
    """Run a program on both; return its output on greenrt."""
    path = folder / f"with_{name}.py"
    path.write_text(
        "from gevent import monkey; monkey.patch_all()\nimport time, gevent\n" + textwrap.dedent(text)
    )
    return run_as("gevent", path, *arguments, **variables)


@needs("zmq", "pyzmq")
def test_zmq_green(tmp_path: Path) -> None:
    """Requests and replies, while other greenlets run; a poller and a receiver end in time."""
    run(
        "zmq_green",
        """
        import zmq.green as zmq
        context = zmq.Context()
        replier = context.socket(zmq.REP)
        port = replier.bind_to_random_port("tcp://127.0.0.1")
        def answer():
            while True:
                replier.send(replier.recv()[::-1])
        ticks = 0
        def tick():
            global ticks
            while True:
                gevent.sleep(0.001)
                ticks += 1
        servants = [gevent.spawn(answer), gevent.spawn(tick)]
        def ask(count):
            requester = context.socket(zmq.REQ)
            requester.connect(f"tcp://127.0.0.1:{port}")
            for n in range(count):
                requester.send(b"n%d" % n)
                assert requester.recv() == (b"n%d" % n)[::-1]
            requester.close()
        began = time.perf_counter()
        gevent.joinall([gevent.spawn(ask, 300) for _ in range(5)], raise_error=True)
        took = time.perf_counter() - began
        assert ticks
        lone = context.socket(zmq.PULL)
        lone.bind_to_random_port("tcp://127.0.0.1")
        poller = zmq.Poller()
        poller.register(lone, zmq.POLLIN)
        assert poller.poll(50) == []
        with gevent.Timeout(0.05, False):
            lone.recv()
            raise AssertionError
        gevent.killall(servants)
        context.destroy(0)
        print("rate", 1500 / took)
        """,
        tmp_path,
    )


@needs("zerorpc", "zerorpc")
def test_zerorpc(tmp_path: Path) -> None:
    """Calls, streams and errors; slow calls overlap."""
    run(
        "zerorpc",
        """
        import os, zerorpc
        class Service:
            def hello(self, name):
                return f"hello {name}"
            def slow(self):
                gevent.sleep(0.5)
                return "slow"
            def fail(self):
                raise ValueError("on purpose")
            @zerorpc.stream
            def count(self, n):
                return iter(range(n))
        address = "ipc://" + os.path.abspath("socket")
        server = zerorpc.Server(Service())
        server.bind(address)
        running = gevent.spawn(server.run)
        client = zerorpc.Client(address, timeout=30)
        assert client.hello("x") == "hello x"
        assert list(client.count(10)) == list(range(10))
        try:
            client.fail()
            raise AssertionError
        except zerorpc.RemoteError as error:
            assert error.name == "ValueError"
        began = time.perf_counter()
        jobs = [gevent.spawn(client.slow) for _ in range(20)]
        gevent.joinall(jobs, raise_error=True)
        assert [job.value for job in jobs] == ["slow"] * 20
        assert time.perf_counter() - began < 8
        began = time.perf_counter()
        for n in range(300):
            client.hello(n)
        took = time.perf_counter() - began
        server.stop()
        running.join(10)
        client.close()
        print("rate", 300 / took)
        """,
        tmp_path,
    )


@needs("geventhttpclient", "geventhttpclient")
def test_geventhttpclient(tmp_path: Path) -> None:
    """A pool of kept connections asks gevent's own server."""
    run(
        "geventhttpclient",
        """
        from gevent.pool import Pool
        from gevent.pywsgi import WSGIServer
        from geventhttpclient import HTTPClient, URL
        def app(environ, start):
            start("200 OK", [("Content-Type", "text/plain")])
            return [environ["PATH_INFO"].encode()]
        server = WSGIServer(("127.0.0.1", 0), app, log=None)
        server.start()
        client = HTTPClient.from_url(URL(f"http://127.0.0.1:{server.server_port}/"), concurrency=10)
        def ask(n):
            answer = client.get(f"/{n}")
            assert answer.status_code == 200
            assert answer.read() == f"/{n}".encode()
            return n
        began = time.perf_counter()
        assert sorted(Pool(10).imap_unordered(ask, range(500))) == list(range(500))
        took = time.perf_counter() - began
        client.close()
        server.stop()
        print("rate", 500 / took)
        """,
        tmp_path,
    )


@needs("grequests", "grequests")
def test_grequests(tmp_path: Path) -> None:
    """Slow requests overlap; errors reach their handler."""
    run(
        "grequests",
        """
        import grequests
        from gevent.pywsgi import WSGIServer
        def app(environ, start):
            gevent.sleep(0.2)
            start("200 OK", [])
            return [environ["PATH_INFO"].encode()]
        server = WSGIServer(("127.0.0.1", 0), app, log=None)
        server.start()
        url = f"http://127.0.0.1:{server.server_port}"
        grequests.map([grequests.get(url)])
        began = time.perf_counter()
        answers = grequests.map([grequests.get(f"{url}/{n}") for n in range(40)], size=20)
        took = time.perf_counter() - began
        assert [answer.text for answer in answers] == [f"/{n}" for n in range(40)]
        errors = []
        wrong = grequests.get("http://127.0.0.1:1/")
        assert grequests.map([wrong], exception_handler=lambda request, error: errors.append(error)) == [None]
        assert len(errors) == 1
        server.stop()
        print("rate", 40 / took)
        """,
        tmp_path,
    )


@needs("psycogreen", "psycogreen")
@needs("psycopg2", "psycopg2-binary")
def test_psycogreen(postgres: int, tmp_path: Path) -> None:
    """Queries overlap, each on a connection of its own."""
    run(
        "psycogreen",
        """
        import sys
        import psycogreen.gevent
        psycogreen.gevent.patch_psycopg()
        import psycopg2
        def connect():
            return psycopg2.connect(host="127.0.0.1", port=sys.argv[1], user="postgres", dbname="postgres")
        def ask(n):
            with connect() as connection, connection.cursor() as cursor:
                cursor.execute("select pg_sleep(0.3), %s", (n,))
                answer = cursor.fetchone()[1]
            connection.close()
            return answer
        began = time.perf_counter()
        jobs = [gevent.spawn(ask, n) for n in range(20)]
        gevent.joinall(jobs, raise_error=True)
        assert [job.value for job in jobs] == list(range(20))
        # One after the other they would take 6 s.
        assert time.perf_counter() - began < 5.5
        connection = connect()
        cursor = connection.cursor()
        try:
            cursor.execute("select 1/0")
            raise AssertionError
        except psycopg2.errors.DivisionByZero:
            connection.rollback()
        began = time.perf_counter()
        for n in range(1000):
            cursor.execute("select %s", (n,))
            assert cursor.fetchone() == (n,)
        took = time.perf_counter() - began
        connection.close()
        print("rate", 1000 / took)
        """,
        tmp_path,
        postgres,
    )


@needs("kazoo", "kazoo")
def test_kazoo(zookeeper: int, tmp_path: Path) -> None:
    """The handler for gevent: nodes, watches, locks and errors."""
    run(
        "kazoo",
        """
        import sys
        from kazoo.client import KazooClient
        from kazoo.exceptions import NoNodeError
        from kazoo.handlers.gevent import SequentialGeventHandler
        client = KazooClient(f"127.0.0.1:{sys.argv[1]}", handler=SequentialGeventHandler())
        client.start(30)
        client.ensure_path("/a")
        seen = []
        @client.DataWatch("/a")
        def changed(data, stat):
            seen.append(data)
        def make(n):
            client.create(f"/a/{n}", b"%d" % n)
            return client.get(f"/a/{n}")[0]
        began = time.perf_counter()
        jobs = [gevent.spawn(make, n) for n in range(200)]
        gevent.joinall(jobs, raise_error=True)
        took = time.perf_counter() - began
        assert [job.value for job in jobs] == [b"%d" % n for n in range(200)]
        client.set("/a", b"new")
        with gevent.Timeout(20):
            while b"new" not in seen:
                gevent.sleep(0.01)
        held = []
        def hold(n):
            with client.Lock("/lock", str(n)):
                held.append(n)
                gevent.sleep(0.01)
                held.append(n)
        gevent.joinall([gevent.spawn(hold, n) for n in range(5)], raise_error=True)
        assert held[::2] == held[1::2]
        try:
            client.get("/none")
            raise AssertionError
        except NoNodeError:
            pass
        client.delete("/a", recursive=True)
        client.delete("/lock", recursive=True)
        client.stop()
        client.close()
        print("rate", 200 / took)
        """,
        tmp_path,
        zookeeper,
    )
