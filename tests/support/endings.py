"""The shutdown matrix: live objects at the end of a program, times ways to end; each unpatched and patched."""

import re
import subprocess
import sys
import textwrap
from itertools import product
from pathlib import Path

from support.child import environment

__all__ = ["RUNS", "outcomes"]

# Live objects at the end. Code that continues prints later than the code of the main thread.
ALIVE = {
    "nothing": "",
    "greenlets": """
        # They do not exist unpatched.
        if "greenrt" in sys.modules:
            import greenrt
            kept = [greenrt.spawn(greenrt.sleep, 60) for _ in range(5)]
            greenrt.sleep(0)
    """,
    "a thread": """
        def work():
            time.sleep(0.3)
            print("worked")
        threading.Thread(target=work).start()
    """,
    "a daemon": """
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        threading.Thread(target=queue.Queue().get, daemon=True).start()
    """,
    "a thread that fails": """
        def work():
            time.sleep(0.3)
            raise ValueError("in a thread")
        threading.Thread(target=work).start()
    """,
    "an executor": """
        executor = concurrent.futures.ThreadPoolExecutor(2)
        def work(n):
            time.sleep(0.2)
            return n
        jobs = [executor.submit(work, n) for n in range(4)]
        jobs[3].add_done_callback(lambda job: print("all done"))
    """,
    "an idle executor": """
        executor = concurrent.futures.ThreadPoolExecutor(2)
        print(executor.submit(pow, 2, 3).result())
    """,
    "a lock that is held": """
        lock = threading.Lock()
        lock.acquire()
        threading.Thread(target=lock.acquire, daemon=True).start()
        time.sleep(0.05)
    """,
    "a timer": "threading.Timer(0.3, print, ('time is up',)).start()",
    "the resolver": """
        import socket
        def work():
            print(socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4])
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        threading.Thread(target=socket.getaddrinfo, args=("127.0.0.1", 80), daemon=True).start()
    """,
    "a server": """
        import socketserver
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.StreamRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        time.sleep(0.05)
    """,
    "a child": """
        import subprocess
        child = subprocess.Popen(["sleep", "0.3"])
        threading.Thread(target=lambda: print("child", child.wait())).start()
    """,
}

# Hooks that run at the end.
HOOKS = {
    "hooks": """
        @atexit.register
        def at_the_end():
            print("atexit", threading.active_count() >= 1)
            time.sleep(0.01)
        class Finalized:
            def __del__(self):
                print("finalized")
        finalized = Finalized()
    """,
    "bad hooks": """
        @atexit.register
        def at_the_end():
            lock = threading.Lock()
            with lock:
                threading.Event().wait(0.01)
            raise ValueError("in atexit")
        class Finalized:
            def __del__(self):
                raise ValueError("in __del__")
        finalized = Finalized()
    """,
}

# Ways in which the main thread ends.
ENDINGS = {
    "returns": "print('main')",
    "exits": "sys.exit(3)",
    "exits with a text": "sys.exit('a text')",
    "raises": "raise KeyError('main')",
    "leaves at once": "sys.stdout.flush()\nos._exit(4)",
    "SIGTERM": "sys.stdout.flush()\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(30)",
    "SIGTERM with a handler": """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        queue.Queue().get(timeout=30)
    """,
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)",
    "SIGINT while it waits": """
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        threading.Event().wait(30)
    """,
}

RUNS = list(product(ALIVE, HOOKS, ENDINGS))

# (The process that runs the tests may ignore SIGINT.)
HEAD = """
import atexit, concurrent.futures, os, queue, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def outcomes(run: tuple[str, str, str], folder: Path, extra: str = "") -> list[tuple[str, str, int]]:
    """Return stdout, stderr without frames, and the exit code of a run: unpatched, and patched.

    `extra` is code that runs before the rest of the program.
    """
    alive, hooks, ending = run
    path = folder / "program.py"
    parts = [ALIVE[alive], HOOKS[hooks], ENDINGS[ending]]
    path.write_text(HEAD + extra + "\n".join(textwrap.dedent(part) for part in parts))
    found = []
    for command in ([], ["-m", "greenrt.monkey"]):
        done = subprocess.run(
            [sys.executable, *command, str(path)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        found.append((done.stdout, _without_frames(done.stderr), done.returncode))
    return found


def _without_frames(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("  ")]
    return re.sub(r"0x[0-9a-f]+", "0x", "\n".join(lines))
