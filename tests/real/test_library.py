"""Servers and clients of the standard library, in one patched process: slow calls at once."""

from pathlib import Path

import pytest
from support.program import run_patched

pytestmark = pytest.mark.real


def test_socketserver(tmp_path: Path) -> None:
    """TCP, UDP and Unix sockets, each with a thread for each request."""
    run_patched(
        """
    import socket, socketserver, sys
    class Stream(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline()
            time.sleep(1)
            self.wfile.write(line.upper())
    class Datagram(socketserver.DatagramRequestHandler):
        def handle(self):
            data = self.rfile.read()
            time.sleep(1)
            self.wfile.write(data.upper())
    path = sys.argv[1] + "/socket"
    for kind, handler, address in (
        (socketserver.ThreadingTCPServer, Stream, ("127.0.0.1", 0)),
        (socketserver.ThreadingUDPServer, Datagram, ("127.0.0.1", 0)),
        (socketserver.ThreadingUnixStreamServer, Stream, path),
    ):
        class Server(kind):
            request_queue_size = 128
        with Server(address, handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            def slow(n):
                with socket.socket(server.address_family, server.socket_type) as sock:
                    sock.connect(server.server_address)
                    sock.sendall(b"line %d\\n" % n)
                    return sock.recv(100)
            results, times = at_once(slow)
            assert results == [b"LINE %d\\n" % n for n in range(50)], results
            assert times < 3, times
            server.shutdown()
            thread.join()
    """,
        tmp_path,
        tmp_path,
    )


def test_xmlrpc(tmp_path: Path) -> None:
    run_patched(
        """
    import socketserver, xmlrpc.client, xmlrpc.server
    class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
        request_queue_size = 128
    def slow(n):
        time.sleep(1)
        return {"n": n}
    def wrong():
        raise KeyError("on purpose")
    with Server(("127.0.0.1", 0), logRequests=False) as server:
        server.register_function(slow)
        server.register_function(wrong)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        def call(n):
            with xmlrpc.client.ServerProxy(url) as proxy:
                return proxy.slow(n)
        results, times = at_once(call)
        assert results == [{"n": n} for n in range(50)], results
        assert times < 3, times
        with xmlrpc.client.ServerProxy(url) as proxy:
            try:
                proxy.wrong()
                raise AssertionError
            except xmlrpc.client.Fault as fault:
                assert "on purpose" in fault.faultString
        server.shutdown()
        thread.join()
    """,
        tmp_path,
    )


def test_smtplib(tmp_path: Path) -> None:
    run_patched(
        """
    import smtplib, socketserver
    from email.message import EmailMessage
    mails = []
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.say(220, "ready")
            while line := self.rfile.readline():
                verb = line.split()[0].upper()
                if verb == b"DATA":
                    self.say(354, "go on")
                    lines = list(iter(self.rfile.readline, b".\\r\\n"))
                    time.sleep(1)
                    mails.append(b"".join(lines))
                self.say(*{b"QUIT": (221, "bye"), b"RCPT": (250, "known")}.get(verb, (250, "fine")))
        def say(self, code, text):
            self.wfile.write(f"{code} {text}\\r\\n".encode())
    class Server(socketserver.ThreadingTCPServer):
        request_queue_size = 128
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        def send(n):
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", f"number {n}"
            mail.set_content("text\\n" * 1000)
            with smtplib.SMTP(*server.server_address, timeout=30) as client:
                return client.send_message(mail)
        results, times = at_once(send)
        assert results == [{}] * 50
        assert times < 3, times
        subjects = sorted(line for mail in mails for line in mail.splitlines() if line.startswith(b"Subject"))
        assert subjects == sorted(b"Subject: number %d" % n for n in range(51)), subjects
        server.shutdown()
        thread.join()
    """,
        tmp_path,
    )


def test_logging_over_a_socket(tmp_path: Path) -> None:
    """The cookbook's receiver: each record arrives once, and those of a thread in its order."""
    run_patched(
        """
    import logging, logging.handlers, pickle, socketserver, struct
    received = []
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.rfile.read(4):
                record = logging.makeLogRecord(pickle.loads(self.rfile.read(*struct.unpack(">L", head))))
                received.append(record.getMessage())
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        logger = logging.getLogger("far")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        handler = logging.handlers.SocketHandler(*server.server_address)
        logger.addHandler(handler)
        def work(n):
            for step in range(40):
                logger.info("%d.%d", n, step)
                time.sleep(0)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
        for each in threads: each.start()
        for each in threads: each.join()
        give_up = time.monotonic() + 20
        while len(received) < 2000 and time.monotonic() < give_up:
            time.sleep(0.01)
        for n in range(50):
            assert [text for text in received if text.startswith(f"{n}.")] == [f"{n}.{s}" for s in range(40)]
        handler.close()
        server.shutdown()
        thread.join()
    """,
        tmp_path,
    )


def test_executors(tmp_path: Path) -> None:
    """Threads and processes: maps, callbacks, as_completed, wait, errors, cancelling, initializers."""
    run_patched(
        """
    from concurrent import futures
    def slow(n):
        time.sleep(1)
        if n == 13:
            raise KeyError(n)
        return n * n
    if __name__ == "__main__":
        results, times = at_once(lambda n: n != 13 and slow(n))
        assert results == [n != 13 and n * n for n in range(50)]
        assert times < 3, times
        seen = []
        with futures.ThreadPoolExecutor(20, "green", seen.append, ("began",)) as pool:
            jobs = [pool.submit(slow, n) for n in range(20)]
            for job in jobs:
                job.add_done_callback(lambda job: seen.append("done"))
            done = list(futures.as_completed(jobs, timeout=20))
            assert set(done) == set(jobs)
            assert [job.result() for job in jobs if job is not jobs[13]] == [n * n for n in range(20) if n != 13]
            assert isinstance(jobs[13].exception(), KeyError)
        assert sorted(seen) == ["began"] * 20 + ["done"] * 20, seen
        with futures.ThreadPoolExecutor(1) as pool:
            first, second = pool.submit(slow, 1), pool.submit(slow, 2)
            done, waiting = futures.wait([first, second], return_when=futures.FIRST_COMPLETED)
            assert (done, waiting) == ({first}, {second})
            pool.shutdown(wait=False, cancel_futures=True)
        with futures.ThreadPoolExecutor(1) as pool:
            first, second = pool.submit(slow, 1), pool.submit(slow, 2)
            try:
                second.result(timeout=0.01)
                raise AssertionError
            except futures.TimeoutError:
                pass
            assert second.cancel() and not first.cancel()
        ticks = []
        ticker = threading.Thread(target=lambda: [ticks.append(time.sleep(0.01)) for _ in range(50)])
        with futures.ProcessPoolExecutor(2) as pool:
            jobs = [pool.submit(pow, n, 2) for n in range(50)]
            ticker.start()
            assert [job.result() for job in jobs] == [n * n for n in range(50)]
            ticker.join()
    """,
        tmp_path,
    )
