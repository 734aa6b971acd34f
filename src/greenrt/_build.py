"""The list of compiled modules, the message about the plain build, and the check for half-built trees.

`setup.py` runs this file too.
"""

import os
from importlib.machinery import EXTENSION_SUFFIXES

__all__ = ["COMPILED", "PLAIN_BUILD", "REMEDY", "SHARED", "check_build"]

REMEDY = "pip install --force-reinstall --no-deps --no-cache-dir greenrt"
PLAIN_BUILD = (
    "plain Python, at about half of gevent's speed; for the compiled build, install a C compiler and Python's headers"
    f" (Debian: apt install gcc python3-dev), then: {REMEDY}"
)

# The module that holds the helper code that Cython would otherwise repeat in each of the modules below.
SHARED = "_native._shared"

# Names relative to `greenrt`. The build prefers X.pyx to X.py; X.pxd declares the types of either.
COMPILED = """
_native.attributes _native.dump_signal _native.framecache _native.heap _native.helper _native.nowait _native.ping
_native.poller _native.ring _native.signalfd _native.sockio _native.stamp _native.switch _native.thread
_native.try_lock _native.unbound
_loop.backends.base _loop.backends.epoll _loop.turn _loop.clock _loop.callback _loop.fd_table _loop.loop _loop.wakeup
_loop.watchers.async_ _loop.watchers.base _loop.watchers.hook _loop.watchers.io _loop.watchers.timer
_hub.current_hub _hub.pending _hub.fd_wait _hub.greenlet _hub.guarded _hub.hub _hub.latch _hub.links _hub.local
_hub.loop_proxy _hub.park _hub.raw_greenlet _hub.sleep _hub.timeout _hub.wait_many
sync.event sync.lock sync.permits sync.queue sync.async_result sync.semaphore
dns.udp dns.glibc dns.sources dns.stub dns.message
green._fd_io green._threading_polls green._queue_calls green.select green._socket_io green._socket_waits
green.time
serve.http.chunked serve.http.exchange serve.http.response_head serve.http.request_head serve.http.request
serve.http.head_scanner serve.http.connection
""".split()


def check_build() -> None:
    """Raise ImportError if only some of the compiled modules are present: they would crash on plain classes."""
    folder = os.path.dirname(__file__)
    suffix = EXTENSION_SUFFIXES[0]
    listed: dict[str, list[str]] = {}
    missing = []
    names = [*COMPILED, SHARED]
    for name in names:
        package, _, stem = name.rpartition(".")
        if package not in listed:
            try:
                listed[package] = os.listdir(os.path.join(folder, *package.split(".")))
            except OSError:
                # greenrt is imported from an archive, which holds no compiled modules.
                return
        if stem + suffix not in listed[package]:
            missing.append(name)
    if missing and len(missing) < len(names):
        raise ImportError(
            f"greenrt in {folder} is half built: {len(missing)} of its {len(names)} compiled modules are missing, "
            f"as greenrt.{missing[0]}; build or install it again, or delete all its *{suffix} for the plain build"
        )
