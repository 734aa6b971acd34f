"""Modules imported, and objects made, before patching: all works afterwards, and cooperates, in whichever order."""

import random

import pytest
from support.child import run_script
from support.program import AT_ONCE, needs
from support.tls import CERTIFICATE

MODULES = [
    "ssl",
    "urllib3",
    "requests",
    "truststore",
    "logging",
    "concurrent.futures",
    "queue",
    "asyncio",
]
pytestmark = [pytest.mark.real, needs("requests", "requests"), needs("truststore", "truststore")]

# What is used after patching, in a process that imported some of it before.
USE = """
    import asyncio, contextlib, http.server, logging, queue, ssl
    import requests, truststore, urllib3
    certificate = sys.argv[1]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.5)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())
        def log_message(self, *_): pass
    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True
    def context_of(kind, side):
        # Each of these assignments has a property of a subclass call super(): a class that was replaced recurses.
        context = kind(side)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
        context.options |= ssl.OP_NO_COMPRESSION
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if side is ssl.PROTOCOL_TLS_CLIENT:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = True
            context.load_verify_locations(certificate)
        else:
            context.load_cert_chain(certificate)
        return context
    class Mine(ssl.SSLContext):
        pass
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context_of(Mine, ssl.PROTOCOL_TLS_SERVER).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"

    # Ten calls at once by each kind of client.
    with requests.Session() as session, contextlib.ExitStack() as pools:
        session.trust_env, session.verify = False, certificate
        clients = [lambda n: session.get(f"{url}/{n}").text]
        for kind in (ssl.SSLContext, Mine, truststore.SSLContext):
            context = context_of(kind, ssl.PROTOCOL_TLS_CLIENT)
            pool = pools.enter_context(urllib3.PoolManager(ssl_context=context, maxsize=20))
            clients.append(lambda n, pool=pool: pool.request("GET", f"{url}/{n}").data.decode())
        results, times = at_once(lambda n: clients[n % 4](n), 40)
        assert results == [f"/{n}" for n in range(40)], results
        assert times < 10, times
    truststore.inject_into_ssl()
    with requests.Session() as session:
        session.trust_env, session.verify = False, certificate
        assert session.get(f"{url}/injected").text == "/injected"
    truststore.extract_from_ssl()

    queues = [kind() for kind in (queue.Queue, queue.SimpleQueue, queue.LifoQueue, queue.PriorityQueue)]
    def slow(n):
        lent = queues[n % 4]
        threading.Timer(0.5, lent.put, (n,)).start()
        return lent.get(timeout=20)
    results, times = at_once(slow, 40)
    assert sorted(results) == list(range(40)), results
    assert times < 10, times

    class Slow(logging.Handler):
        def emit(self, record):
            seen.append(record.getMessage())
            time.sleep(0.01)
            seen.append(record.getMessage())
    seen = []
    logger = logging.getLogger("slow")
    logger.propagate = False
    logger.addHandler(Slow())
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda n: logger.warning("%d", n), range(10)))
    # Its lock is held while it sleeps.
    assert seen[::2] == seen[1::2] and len(seen) == 20, seen

    async def answer(n):
        reader, writer = await asyncio.open_connection(
            "localhost", server.server_port, ssl=context_of(ssl.SSLContext, ssl.PROTOCOL_TLS_CLIENT)
        )
        writer.write(b"GET /%d HTTP/1.0\\r\\n\\r\\n" % n)
        text = await reader.read()
        writer.close()
        await asyncio.to_thread(time.sleep, 0.1)
        return text.partition(b"\\r\\n\\r\\n")[2].decode()
    async def answers():
        return await asyncio.gather(*(answer(n) for n in range(10)))
    ticks = []
    ticker = threading.Thread(target=lambda: [ticks.append(time.sleep(0.02)) for _ in range(20)])
    ticker.start()
    assert asyncio.run(answers()) == [f"/{n}" for n in range(10)]
    # The answers take half a second.
    assert len(ticks) > 2, len(ticks)
    ticker.join()
"""


def orders() -> list[list[str]]:
    """Return each module alone, all in this order and in reverse, and some by chance."""
    chance = random.Random(5)
    alone = [[name] for name in MODULES]
    return [*alone, MODULES, MODULES[::-1], *(chance.sample(MODULES, count) for count in (3, 6))]


@pytest.mark.parametrize("before", orders(), ids="+".join)
def test_imported_before(before: list[str]) -> None:
    run_script(
        "\n".join(f"import {name}" for name in before)
        + "\nfrom greenrt import monkey\nmonkey.patch_all()\n"
        + AT_ONCE
        + unindented(USE),
        str(CERTIFICATE),
    )


def unindented(text: str) -> str:
    return text.replace("\n    ", "\n")
