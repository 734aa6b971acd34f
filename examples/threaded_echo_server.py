"""An echo server with an event loop in each thread, a work queue of native threads, and a graceful stop.

The main thread accepts and hands each connection to the next serving thread. A line `sum N` is answered with the sum
of the first N numbers, which a thread of the work queue adds up while the loops continue.

    python examples/threaded_echo_server.py --port 7000
    nc 127.0.0.1 7000

SIGTERM or Ctrl-C stops it gracefully: it accepts no more, gives open connections a second to end, and finishes the
jobs. A second signal ends it at once.
"""

import argparse
import itertools
import os
import signal
import threading

import greenrt
from greenrt.errors import LoopClosed
from greenrt.green import socket
from greenrt.serve import StreamServer

GRACE = 1.0  # seconds for open connections at the end
LINE = 65536  # bytes


class ServingThread(threading.Thread):
    """A native thread with a loop of its own, which serves the connections handed to it."""

    def __init__(self, name: str, jobs: greenrt.ThreadPool) -> None:
        """Make the thread; all threads share the work queue `jobs`."""
        super().__init__(name=name)
        self.jobs = jobs
        self.proxy: greenrt.LoopProxy | None = None
        # Events work between threads: each thread waits in its own way.
        self.ready = greenrt.Event()
        self.ending = greenrt.Event()
        self.served = 0

    def run(self) -> None:
        """Serve until `ending` is set."""
        # Any thread may use the proxy, even after the end of the loop.
        self.proxy = greenrt.get_hub().loop.proxy()
        self.connections = greenrt.Group()
        self.ready.set()
        self.ending.wait()
        # A connection that was posted before this is served too, because the loop runs posts in order.
        if not self.connections.join(GRACE):
            self.connections.kill()

    def give(self, fd: int) -> None:
        """Hand a connection over to this thread, from any thread; close it if this thread has ended."""
        assert self.proxy is not None
        try:
            self.proxy.post(self._take, fd)
        except LoopClosed:
            os.close(fd)

    def _take(self, fd: int) -> None:
        # This runs in the hub of this thread, which must not wait.
        self.connections.spawn(self._serve, socket.socket(fileno=fd))

    def _serve(self, connection: socket.socket) -> None:
        self.served += 1
        with connection, connection.makefile("rb") as lines:
            try:
                while line := lines.readline(LINE):
                    connection.sendall(self._answer(line))
            except ConnectionError:
                pass  # the client left

    def _answer(self, line: bytes) -> bytes:
        words = line.split()
        if len(words) == 2 and words[0] == b"sum" and words[1].isdigit():
            # Only this greenlet waits for the job.
            return b"%d\n" % self.jobs.apply(add_up, (int(words[1]),))
        return line


def add_up(count: int) -> int:
    """Use the processor for a while, in a thread of the work queue."""
    return sum(range(count + 1))


def main() -> None:
    """Serve until a signal arrives."""
    parser = argparse.ArgumentParser(description="Send back each line; `sum N` adds up.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument("--threads", type=int, default=2, help="loops, each in a thread (default: 2)")
    parser.add_argument("--workers", type=int, default=2, help="threads of the work queue (default: 2)")
    options = parser.parse_args()

    # Greenlets handle the signals: they interrupt no other code, so they may take locks, and wait.
    signals = greenrt.Queue()
    handlers = [
        greenrt.signal_handler(number, signals.put, number) for number in (signal.SIGTERM, signal.SIGINT)
    ]

    jobs = greenrt.ThreadPool(options.workers)
    threads = [ServingThread(f"loop-{number}", jobs) for number in range(options.threads)]
    for thread in threads:
        thread.start()
    greenrt.wait([thread.ready for thread in threads])
    turn = itertools.cycle(threads)

    def hand_over(connection: socket.socket, address: tuple[str, int]) -> None:
        # This thread's loop must forget the connection before the other thread sees it, so it is detached first.
        next(turn).give(connection.detach())

    # This runs in the accepting greenlet, because the hand-over does not wait.
    server = StreamServer(("127.0.0.1", options.port), hand_over, spawn=None)
    server.start()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)

    print(f"{signal.Signals(signals.get()).name}: stopping", flush=True)
    greenrt.spawn(end_at_once, signals)
    server.stop()
    for thread in threads:
        thread.ending.set()
    for thread in threads:
        # A native wait would block this loop, and with it the signals.
        jobs.apply(thread.join)
        print(f"{thread.name}: served {thread.served}", flush=True)
    jobs.close()
    for handler in handlers:
        handler.cancel()
    print("stopped", flush=True)


def end_at_once(signals: greenrt.Queue) -> None:
    """Wait for a second signal, and end the process."""
    signals.get()
    print("at once", flush=True)
    os._exit(1)


if __name__ == "__main__":
    main()
