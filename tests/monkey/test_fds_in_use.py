"""Patched: an fd that is closed, detached or passed on while another greenlet waits for it."""

import pytest
from support.child import run_script
from support.tls import CERTIFICATE

# Each way to wait gets a silent socket, and each ending takes the socket away.
SCRIPT = """
    import errno, os, select, selectors, socket, ssl, sys
    from greenrt import monkey
    monkey.patch_all()
    import threading, time, greenrt
    how, certificate = sys.argv[1:]

    def tls():
        near, far = socket.socketpair()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        client = ssl.create_default_context(cafile=certificate)
        made = []
        other = threading.Thread(target=lambda: made.append(server.wrap_socket(far, server_side=True)))
        other.start()
        near = client.wrap_socket(near, server_hostname="localhost")
        other.join()
        return near, made[0]
    def full(sock):
        while True:
            sock.sendall(bytes(100000))
    def selecting(sock):
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            return selector.select(0.5)
    def polling(sock):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return poll.poll(500)
    waits = {
        "recv": lambda sock: sock.recv(10), "recv_into": lambda sock: sock.recv_into(bytearray(10)),
        "recvfrom": lambda sock: sock.recvfrom(10), "sendall": full, "tls recv": lambda sock: sock.recv(10),
        "tls sendall": full, "accept": lambda sock: sock.accept(), "file": lambda sock: sock.makefile("rb").read(10),
        "os.read": lambda sock: os.read(sock.fileno(), 10),
        "selector": selecting, "poll": polling, "select": lambda sock: select.select([sock], [], [], 0.5),
    }
    def detach(sock):
        os.close(sock.detach())
    def pass_on(sock):
        near, far = socket.socketpair()
        socket.send_fds(near, [b"x"], [sock.fileno()])
        _, fds, *_ = socket.recv_fds(far, 10, 1)
        sock.close()
        os.close(fds[0])
        near.close()
        far.close()
    ends = {"close": lambda sock: sock.close(), "detach": detach, "pass on": pass_on,
            "os.close": lambda sock: os.close(sock.fileno()),
            "close in a thread": lambda sock: greenrt.get_hub().threadpool.apply(sock.close)}

    def take_away(end):
        if how == "accept":
            sock, peer = socket.create_server(("127.0.0.1", 0)), None
        elif how.startswith("tls"):
            sock, peer = tls()
        else:
            sock, peer = socket.socketpair()
        ended = []
        def wait():
            try:
                ended.append(waits[how](sock))
            except OSError as error:
                ended.append(error.errno)
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.05)
        assert not ended, ended
        number = sock.fileno()
        ends[end](sock)
        waiter.join(20)
        assert not waiter.is_alive()
        if end == "os.close":
            sock.detach()
        # The number is used again, and nothing of the waiter remains.
        near, far = socket.socketpair()
        assert number in (near.fileno(), far.fileno()), (number, near, far)
        far.sendall(b"new")
        assert near.recv(10) == b"new"
        for left in (near, far, peer):
            if left is not None:
                left.close()
        return ended[0]

    # A socket stays open as long as a file made from it: closing the socket has no effect yet.
    for end in ["detach", "os.close"] if how == "file" else ends:
        result = take_away(end)
        if how == "selector":
            assert result == [], result
        elif how == "poll":
            [(_, events)] = result
            assert events == select.POLLNVAL, events
        else:
            assert result == errno.EBADF, result
"""


@pytest.mark.parametrize(
    "how",
    [
        "recv",
        "recv_into",
        "recvfrom",
        "sendall",
        "tls recv",
        "tls sendall",
        "accept",
        "file",
        "os.read",
        "selector",
        "poll",
        "select",
    ],
)
def test_the_waiter_gets_the_error(how: str) -> None:
    """The wait ends with EBADF, or its form in `poll`.

    An epoll reports nothing, as in the kernel, and returns at its timeout.
    """
    run_script(SCRIPT, how, str(CERTIFICATE))
