"""pika's blocking connections against RabbitMQ."""

from pathlib import Path

import pytest
from support.program import needs, run_patched

pytestmark = [pytest.mark.real, needs("pika", "pika")]

CONNECT = """
    import pika
    def connect():
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(sys.argv[1])))
"""


def test_slow_answers_at_once(rabbitmq: int, tmp_path: Path) -> None:
    """Each caller waits for its own reply; one connection answers all, a second later."""
    run_patched(
        CONNECT
        + """
    def serve():
        connection = connect()
        channel = connection.channel()
        channel.queue_declare("questions")
        ready.set()
        for method, properties, body in channel.consume("questions"):
            channel.basic_ack(method.delivery_tag)
            if body == b"end":
                break
            def reply(to=properties.reply_to, body=body):
                channel.basic_publish("", to, body)
            connection.call_later(1, reply)
        connection.close()
    ready = threading.Event()
    server = threading.Thread(target=serve)
    server.start()
    assert ready.wait(30)
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        connections = list(threads.map(lambda _: connect(), range(51)))
    def slow(n):
        channel = connections[n].channel()
        own = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", "questions", str(n).encode(), pika.BasicProperties(reply_to=own))
        for method, _, body in channel.consume(own, inactivity_timeout=30):
            channel.close()
            return body
    results, times = at_once(slow)
    assert results == [str(n).encode() for n in range(50)], results
    assert times < 3, times
    connections[50].channel().basic_publish("", "questions", b"end")
    server.join()
    for connection in connections:
        connection.close()
    """,
        tmp_path,
        rabbitmq,
    )


def test_kill_and_timeout_leave_the_others_alone(rabbitmq: int, tmp_path: Path) -> None:
    """What a consumer had not acknowledged when it was killed goes to the next, once."""
    run_patched(
        CONNECT
        + """
    import greenrt
    connection = connect()
    channel = connection.channel()
    channel.queue_declare("jobs")
    def consume(count, seen):
        own = connect()
        try:
            lent = own.channel()
            lent.basic_qos(prefetch_count=1)
            for method, _, body in lent.consume("jobs"):
                if count == 0:
                    greenrt.sleep(30)
                seen.append(int(body))
                lent.basic_ack(method.delivery_tag)
                count -= 1
        finally:
            own.close()
    for n in range(100):
        channel.basic_publish("", "jobs", str(n).encode())
    seen = []
    stuck = [greenrt.spawn(consume, 10, seen) for _ in range(5)]
    while len(seen) < 50:
        greenrt.sleep(0.05)
    greenrt.killall(stuck)
    try:
        with greenrt.Timeout(0.5):
            consume(-1, seen)
        raise AssertionError
    except greenrt.Timeout:
        pass
    last = greenrt.spawn(consume, -1, seen)
    with greenrt.Timeout(20):
        while len(seen) < 100:
            greenrt.sleep(0.05)
    last.kill()
    assert sorted(seen) == list(range(100)), seen
    connection.close()
    """,
        tmp_path,
        rabbitmq,
    )
