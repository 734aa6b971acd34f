"""The patch functions: what patching replaces, module by module."""

import builtins
import functools
import threading
from collections.abc import Callable
from types import ModuleType

from greenrt.monkey import existing
from greenrt.monkey.async_exceptions import patch_ctypes
from greenrt.monkey.asyncio_loops import patch_asyncio
from greenrt.monkey.conflicts import guard_against_rivals, refuse_rivals
from greenrt.monkey.drivers import subscribe_psycopg, subscribe_psycopg2
from greenrt.monkey.import_hooks import when_imported
from greenrt.monkey.state import is_module_patched, note, one_sweep, patch_methods, replace, replace_together
from greenrt.monkey.subscribers import announcing

from greenrt import _original
from greenrt._hub.current_hub import on_main_thread
from greenrt._inspection import check_environment
from greenrt._loop.backends import backend_class
from greenrt._typing import Any, TypeVar

__all__ = [
    "patch_all",
    "patch_dns",
    "patch_multiprocessing",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_thread",
    "patch_time",
]

DNS = ("getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo")


F = TypeVar("F")

subscribe_psycopg()
subscribe_psycopg2()


def _patcher(name: str) -> Callable[[F], F]:
    """Decorate a function that patches `name`: it runs on the main thread only, and is announced."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def patch(*args: Any, **kwargs: Any) -> Any:
            if not on_main_thread():
                thread = threading.current_thread().name
                raise RuntimeError(
                    f"{thread!r} is not the main thread; patch on the main thread, before others run"
                )
            # Check now rather than at the first lookup.
            check_environment()
            refuse_rivals()
            guard_against_rivals()
            # Import the backend now rather than in the program's first wait. A KeyboardInterrupt in the middle of an
            # import may be lost: the import system uses callbacks of weak references, which raise no exceptions.
            backend_class()
            return announcing(name, lambda: function(*args, **kwargs))

        return patch

    return decorate


@_patcher("time")
def patch_time() -> None:
    """Patch `time.sleep`."""
    import time

    from greenrt.green import time as green

    replace(time, green.FUNCTIONS)


@_patcher("socket")
def patch_socket(dns: bool = True, aggressive: bool = True) -> None:
    """Patch `socket.socket` in place and the module's functions; patch the name functions only with `dns`.

    `aggressive` is gevent's argument and has no effect: nothing is removed.
    """
    import socket

    from greenrt.green import socket as green
    from greenrt.green._socket_options import note_existing

    patch_methods(socket, "socket", green.METHODS)
    note_existing()
    replace(socket, {name: function for name, function in green.FUNCTIONS.items() if name not in DNS})
    if dns:
        patch_dns()


@_patcher("dns")
def patch_dns() -> None:
    """Patch the name functions of `socket`, such as getaddrinfo."""
    import socket

    from greenrt.green import socket as green

    replace(socket, {name: green.FUNCTIONS[name] for name in DNS})


@_patcher("ssl")
def patch_ssl() -> None:
    """Patch `ssl.SSLSocket` in place; `ssl.SSLContext` stays unchanged."""
    import ssl

    from greenrt.green import _ssl_socket

    patch_methods(ssl, "SSLSocket", _ssl_socket.METHODS)


@_patcher("select")
def patch_select(aggressive: bool = True) -> None:
    """Patch `select.select`, `select.poll` and, in place, `select.epoll`; `selectors` uses them.

    Earlier objects of `select.poll()`, also those in a `selectors.PollSelector`, stay unchanged and block the native
    thread. On CPython 3.15 and later the same holds for epoll objects, because their type can't be changed.
    `aggressive` is gevent's argument, which removes epoll there; here epoll stays and cooperates.
    """
    import select

    # The classes of `selectors` copy names of select. After this import, the sweep finds them.
    import selectors  # noqa: F401

    from greenrt.green import select as green

    replace(select, green.FUNCTIONS)
    for kind, methods in green.METHODS.items():
        patch_methods(select, kind.__name__, methods)


@_patcher("thread")
def patch_thread(
    threading: bool = True,
    _threading_local: bool = True,
    Event: bool = True,
    logging: bool = True,
    existing_locks: bool = True,
) -> None:
    """Patch `_thread` and the functions under `threading`, whose classes stay the standard ones.

    `threading`, `_threading_local` and `Event` are gevent's arguments and have no effect: all of it is patched. With
    `existing_locks`, green locks replace native locks that are free, and with `logging` also the locks of its
    handlers. What can't be replaced is in the report.
    """
    import _imp
    import _thread
    import sys
    import threading as module

    from greenrt.green import _import_lock, _interpreters, _thread_frames, _threading_polls, thread
    from greenrt.green import threading as green

    if is_module_patched("_thread"):
        return
    others = module.active_count() - 1
    if others > 0:
        note(f"{others} native threads were started before patching; they go on as native threads")
    existing.report_frozen()
    native_local = _thread._local
    replace_together((module, green.replacements(module)), (_thread, thread.FUNCTIONS))
    green.renew_module(module)
    existing.renew_thread_locals(native_local, thread._local)
    if existing_locks:
        existing.renew_locks(logging)
    when_imported("ctypes", patch_ctypes)
    when_imported("asyncio", patch_asyncio)
    for name, (kind, methods) in _threading_polls.LATER.items():
        when_imported(name, functools.partial(_let_polls_yield, kind, methods))
    if not is_module_patched("_imp"):
        replace(_imp, _import_lock.FUNCTIONS)
        _import_lock.wait_before_forks()
    replace(sys, _thread_frames.FUNCTIONS)
    if _interpreters.FUNCTIONS:
        # An InterpreterPoolExecutor has a thread for each interpreter.
        replace(_original.interpreters, _interpreters.FUNCTIONS)


def _let_polls_yield(name: str, methods: tuple[str, ...], module: ModuleType) -> None:
    from greenrt.green._threading_polls import yielding

    kind = getattr(module, name)
    patch_methods(module, name, {method: yielding(getattr(kind, method)) for method in methods})


@_patcher("os")
def patch_os() -> None:
    """Patch the functions of `os` and `termios` that wait for file descriptors and child processes.

    Also patch `open`, the classes of `io`, `input` and stdin.
    """
    import io
    import os
    import sys

    from greenrt.green import _input, _open, _stdin
    from greenrt.green import os as green

    try:
        import termios
    except ImportError:
        # This Python was built without termios.
        pass
    else:
        from greenrt.green import _termios

        replace(termios, _termios.FUNCTIONS)

    # shutil and others look for the function object to find out whether it accepts dir_fd.
    takes_dir_fd = os.open in os.supports_dir_fd
    os.supports_dir_fd.discard(os.open)
    replace(os, green.FUNCTIONS)
    if takes_dir_fd:
        os.supports_dir_fd.add(os.open)
    # The builtin is a copy, and so are the names of `_io`.
    replace(io, _open.FUNCTIONS)
    replace(builtins, _input.FUNCTIONS)
    for stream in (sys.stdin, sys.__stdin__):
        _stdin.make_green(stream)


@_patcher("subprocess")
def patch_subprocess() -> None:
    """Patch `subprocess.Popen` in place: its `wait`, and the files for its pipes. The rest needs `patch_os`."""
    import subprocess

    from greenrt.green import subprocess as green

    patch_methods(subprocess, "Popen", green.METHODS)
    # subprocess's own name for the module `io`, which no other module uses.
    replace(subprocess, green.NAMES, copies=False)


@_patcher("multiprocessing")
def patch_multiprocessing() -> None:
    """Patch the semaphores that processes share. Earlier ones stay native, and the report has their number."""
    try:
        import _multiprocessing  # type: ignore[import-not-found]
    except ImportError:
        # This Python was built without it, so multiprocessing can't be imported either.
        return
    from greenrt.green import _multiprocessing as green

    existing.report_semaphores()
    replace(_multiprocessing, green.FUNCTIONS)


@_patcher("signal")
def patch_signal() -> None:
    """Patch the functions of `signal` that wait for signals, and `signal.signal`, so that handlers may wait."""
    import signal

    from greenrt.green import signal as green
    from greenrt.green._signal_handlers import adopt_handlers

    replace(signal, green.FUNCTIONS)
    adopt_handlers()


@_patcher("queue")
def patch_queue() -> None:
    """Patch `queue.SimpleQueue` and methods of the other queues. Earlier simple queues are replaced."""
    import queue

    from greenrt.green import _queue_calls
    from greenrt.green import queue as green

    native = queue.SimpleQueue
    if not is_module_patched("queue"):
        replace(queue, green.FUNCTIONS)
        patch_methods(queue, "Queue", _queue_calls.METHODS)
        existing.renew_queues(native, queue.SimpleQueue)
        # Second copies of `queue`, which `importlib.reload` makes, need it too.
        when_imported("_queue", green.renew_c_module, lasting=True)


@_patcher("all")
def patch_all(
    socket: bool = True,
    dns: bool = True,
    time: bool = True,
    select: bool = True,
    thread: bool = True,
    os: bool = True,
    ssl: bool = True,
    subprocess: bool = True,
    sys: bool = False,
    aggressive: bool = True,
    Event: bool = True,
    builtins: bool = True,
    signal: bool = True,
    queue: bool = True,
    contextvars: bool = True,
    multiprocessing: bool = True,
) -> bool:
    """Patch time, thread, socket, dns, ssl, select, queue, os, subprocess, multiprocessing and signal. Idempotent.

    Each argument switches one part on or off. The arguments are gevent's, and `multiprocessing`. `builtins`,
    `contextvars`, `sys` and `aggressive` have no effect: there is nothing to patch. Return True. Call it on the main
    thread, as early as possible. Raise RuntimeError on another thread, and if gevent or eventlet has patched.
    """
    with one_sweep():
        if thread:
            patch_thread(Event=Event)
        if time:
            patch_time()
        if socket:
            patch_socket(dns=dns)
        elif dns:
            patch_dns()
        if ssl:
            patch_ssl()
        if select:
            patch_select()
        if queue:
            patch_queue()
        if os:
            patch_os()
        if subprocess:
            patch_subprocess()
        if multiprocessing:
            patch_multiprocessing()
        if signal:
            patch_signal()
    return True
