"""requests and urllib3 against a slow server of the standard library's, in the same patched process."""

from pathlib import Path

import pytest
from support.program import needs, run_patched
from support.tls import CERTIFICATE

pytestmark = [pytest.mark.real, needs("requests", "requests")]

# A server for http or https, which counts its connections and can be slow, redirect, and be silent.
SERVER = """
    import http.server, requests, ssl
    scheme, certificate = sys.argv[1:3]
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        connections = 0
        disable_nagle_algorithm = True
        def setup(self):
            super().setup()
            Handler.connections += 1
        def do_GET(self):
            what, _, argument = self.path[1:].partition("/")
            if what == "slow":
                time.sleep(1)
            if what == "silent":
                time.sleep(3)
            redirected = what == "redirect" and int(argument)
            self.send_response(302 if redirected else 200)
            if redirected:
                self.send_header("Location", f"/redirect/{int(argument) - 1}")
            body = f"{what} {argument}".encode() * (100000 if what == "large" else 1)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            while length:
                piece = self.rfile.read(min(length, 65536))
                length -= len(piece)
                self.wfile.write(piece)
        def log_message(self, *_): pass
    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True
    server = Server(("127.0.0.1", 0), Handler)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"{scheme}://localhost:{server.server_port}"
"""

schemes = pytest.mark.parametrize("scheme", ["http", "https"])


@schemes
def test_slow_answers_at_once(scheme: str, tmp_path: Path) -> None:
    run_patched(
        SERVER
        + """
    results, times = at_once(lambda n: requests.get(f"{url}/slow/{n}", verify=certificate).text)
    assert results == [f"slow {n}" for n in range(50)], results
    assert times < 3, times
    """,
        tmp_path,
        scheme,
        CERTIFICATE,
    )


@schemes
def test_a_session_keeps_its_connections(scheme: str, tmp_path: Path) -> None:
    """Thirty threads share five: none is made more, and no answer goes to another; redirects are followed."""
    run_patched(
        SERVER
        + """
    with requests.Session() as session:
        session.trust_env = False
        session.verify = certificate
        session.mount(f"{scheme}://", requests.adapters.HTTPAdapter(pool_maxsize=5, pool_block=True))
        def work(n):
            for step in range(5):
                assert session.get(f"{url}/echo/{n}.{step}").text == f"echo {n}.{step}"
            data = bytes([n]) * 300000
            assert session.post(url, data=data).content == data
            answer = session.get(f"{url}/redirect/3")
            assert (answer.text, len(answer.history)) == ("redirect 0", 3)
            assert session.get(f"{url}/large/{n}").content == f"large {n}".encode() * 100000
            return n
        with concurrent.futures.ThreadPoolExecutor(30) as threads:
            assert list(threads.map(work, range(30))) == list(range(30))
        assert Handler.connections == 5, Handler.connections
    """,
        tmp_path,
        scheme,
        CERTIFICATE,
    )


@schemes
def test_timeouts_kills_and_retries(scheme: str, tmp_path: Path) -> None:
    """What ends in the middle of an answer does not go back to the pool."""
    run_patched(
        SERVER
        + """
    import greenrt, socket
    with requests.Session() as session:
        session.trust_env = False
        session.verify = certificate
        session.mount(f"{scheme}://", requests.adapters.HTTPAdapter(pool_maxsize=3, pool_block=True))
        def silent(timeout=None):
            return session.get(f"{url}/silent/0", timeout=timeout)
        try:
            silent(0.3)
            raise AssertionError
        except requests.ReadTimeout:
            pass
        waiters = [greenrt.spawn(silent) for _ in range(3)]
        greenrt.sleep(0.3)
        greenrt.killall(waiters)
        try:
            with greenrt.Timeout(0.3):
                silent()
            raise AssertionError
        except greenrt.Timeout:
            pass
        jobs = [greenrt.spawn(session.get, f"{url}/echo/{n}") for n in range(20)]
        assert [job.get().text for job in jobs] == [f"echo {n}" for n in range(20)]
        # Nobody answers: the queue of connections that nobody accepts is full.
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
            port = deaf.getsockname()[1]
            held = [socket.create_connection(("127.0.0.1", port))]
            try:
                session.get(f"{scheme}://localhost:{port}", timeout=0.3)
                raise AssertionError
            except (requests.ConnectTimeout, requests.ReadTimeout):
                pass
            held[0].close()
        try:
            session.get(f"{scheme}://localhost:{port}")
            raise AssertionError
        except requests.ConnectionError:
            pass
    """,
        tmp_path,
        scheme,
        CERTIFICATE,
    )
