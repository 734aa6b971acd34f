"""The list of compiled modules, the message about the plain build, and the check for trees that are built wrongly.

`setup.py` runs this file too.
"""

import os
import warnings
from importlib.machinery import EXTENSION_SUFFIXES

__all__ = ["COMPILED", "PLAIN_BUILD", "REMEDY", "SHARED", "check_build", "explain", "plain_build"]

REMEDY = "pip install --force-reinstall --no-deps --no-cache-dir greenrt"
COST = "plain Python, at about half of gevent's speed"
PLAIN_BUILD = (
    f"{COST}; for the compiled build, install a C compiler and Python's headers"
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

NAMES = [*COMPILED, SHARED]
FOLDER = os.path.dirname(__file__)
SUFFIX = EXTENSION_SUFFIXES[0]
AGAIN = f"build or install it again, or delete all its *{SUFFIX} for the plain build"


def check_build() -> None:
    """Raise ImportError if only some of the compiled modules are present: they would crash on plain classes.

    Emits a RuntimeWarning if all that are present are for other interpreters.
    """
    files = _files()
    missing = [name for name in NAMES if not any(name + suffix in files for suffix in EXTENSION_SUFFIXES)]
    if not missing:
        return
    if len(missing) < len(NAMES):
        raise ImportError(
            f"greenrt in {FOLDER} is half built: {len(missing)} of its {len(NAMES)} compiled modules are missing or "
            f"empty, as greenrt.{missing[0]}; {AGAIN}"
        )
    if _others(files):
        warnings.warn(f"greenrt in {FOLDER} is {plain_build()}", RuntimeWarning, stacklevel=3)


def explain(error: ImportError) -> None:
    """Raise an ImportError that says what to do, if this one is about a compiled module of greenrt."""
    path = error.path or ""
    if path.startswith(FOLDER + os.sep) and path.endswith(SUFFIX):
        message = f"greenrt in {FOLDER} is damaged, or was built for another Python: {error}; {AGAIN}"
        raise ImportError(message, name=error.name, path=path) from None


def plain_build() -> str:
    """Return what the plain build costs, and what to do for the compiled one."""
    others = _others(_files())
    if not others:
        return PLAIN_BUILD
    return (
        f"{COST}: the compiled modules in {FOLDER} are for {', '.join(others)}, and this is "
        f"{_interpreter(SUFFIX[1:-3])}; for the compiled build, build or install it again with this Python"
    )


def _files() -> set[str]:
    """Return the files of compiled modules, of any interpreter, as "_hub.hub.cpython-311-x86_64-linux-gnu.so".

    Empty ones are left out: an interrupted copy leaves them, and they cannot be loaded.
    """
    found: set[str] = set()
    for package in {name.rpartition(".")[0] for name in NAMES}:
        try:
            entries = os.scandir(os.path.join(FOLDER, *package.split(".")))
        except OSError:
            # greenrt is imported from an archive, which holds no compiled modules.
            continue
        with entries:
            found.update(
                f"{package}.{entry.name}"
                for entry in entries
                if entry.name.endswith(".so") and entry.is_file() and entry.stat().st_size
            )
    return found


def _others(files: set[str]) -> list[str]:
    """Return the other interpreters that these compiled modules are for."""
    parts = [file.removesuffix(".so").rpartition(".") for file in files]
    tags = {tag for name, _, tag in parts if name in NAMES and f".{tag}.so" not in EXTENSION_SUFFIXES}
    return sorted(map(_interpreter, tags))


def _interpreter(tag: str) -> str:
    """Return "CPython 3.13 on x86_64-linux-gnu" for "cpython-313-x86_64-linux-gnu"; other forms as they are."""
    name, _, rest = tag.partition("-")
    version, _, platform = rest.partition("-")
    return f"CPython {version[0]}.{version[1:]} on {platform}" if name == "cpython" and platform else tag
