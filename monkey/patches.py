"""What is patched, module by module."""

import builtins
import functools
import threading
from collections.abc import Callable

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
from greenrt._loop.backends import backend_class
from greenrt._typing import Any, TypeVar
from greenrt.dns.choice import check_environment

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
    """Decorate the function that patches `name`: it runs on the main thread only, and is announced."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def patch(*args: Any, **kwargs: Any) -> Any:
            if not on_main_thread():
                thread = threading.current_thread().name
                raise RuntimeError(
                    f"patching is for the main thread, before others run; {thread!r} is another"
                )
            # Now, and not at the first lookup.
            check_environment()
            refuse_rivals()
            guard_against_rivals()
            # Now, and not in the program's first wait: a KeyboardInterrupt in the middle of an import may be lost, as
            # the import system has callbacks of weak references, out of which no exception comes.
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
    """Patch `socket.socket` in place, and the module's functions; the name functions only with `dns`.

    `aggressive` is gevent's, and changes nothing: nothing is removed here.
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
    """Patch the name functions of `socket`: getaddrinfo and its like."""
    import socket

    from greenrt.green import socket as green

    replace(socket, {name: green.FUNCTIONS[name] for name in DNS})


@_patcher("ssl")
def patch_ssl() -> None:
    """Patch `ssl.SSLSocket` in place; `ssl.SSLContext` stays as it is."""
    import ssl

    from greenrt.green import _ssl_socket

    patch_methods(ssl, "SSLSocket", _ssl_socket.METHODS)


@_patcher("select")
def patch_select(aggressive: bool = True) -> None:
    """Patch `select.select` and `select.poll`, and `select.epoll` in place; `selectors` follows.

    Objects that `select.poll()` has returned before, also to a `selectors.PollSelector`, stay as they are and block
    the native thread. On CPython 3.15 and later the same holds for epoll objects: their type can't be changed.
    `aggressive` is gevent's, which removes epoll; here it stays, and cooperates.
    """
    import select

    # Its classes copy names of select: imported, they are swept.
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
    """Patch `_thread` and what lies beneath `threading`, whose classes stay its own.

    `threading`, `_threading_local` and `Event` are gevent's, and change nothing: all of it is patched. With
    `existing_locks` green ones take the places of native locks that are free; with `logging` of its handlers'
    locks too. What can't be replaced is in the report.
    """
    import _imp
    import _thread
    import threading as module

    from greenrt.green import _import_lock, _interpreters, thread
    from greenrt.green import threading as green

    if is_module_patched("_thread"):
        return
    others = module.active_count() - 1
    if others > 0:
        note(f"{others} native threads were started before patching; they go on as native threads")
    native_local = _thread._local
    replace_together((module, green.beneath(module)), (_thread, thread.FUNCTIONS))
    green.settle(module)
    existing.renew_thread_locals(native_local, thread._local)
    if existing_locks:
        existing.renew_locks(logging)
    when_imported("ctypes", patch_ctypes)
    when_imported("asyncio", patch_asyncio)
    if not is_module_patched("_imp"):
        replace(_imp, _import_lock.FUNCTIONS)
        _import_lock.wait_before_forks()
    if _interpreters.FUNCTIONS:
        # An InterpreterPoolExecutor has a thread for each.
        replace(_original.interpreters, _interpreters.FUNCTIONS)


@_patcher("os")
def patch_os() -> None:
    """Patch what `os` and `termios` have to wait for fds and child processes; `open`, `io.FileIO`, `input`, stdin."""
    import io
    import os
    import sys

    from greenrt.green import _input, _open, _stdin
    from greenrt.green import os as green

    try:
        import termios
    except ImportError:
        # A Python built without.
        pass
    else:
        from greenrt.green import _termios

        replace(termios, _termios.FUNCTIONS)

    # shutil and others ask by the function itself whether it takes dir_fd.
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
    """Patch `subprocess.Popen` in place: its `wait`, and the files it makes for pipes. The rest needs `patch_os`."""
    import subprocess

    from greenrt.green import subprocess as green

    patch_methods(subprocess, "Popen", green.METHODS)
    # Its own name for the module `io`, which no other module uses.
    replace(subprocess, green.NAMES, copies=False)


@_patcher("multiprocessing")
def patch_multiprocessing() -> None:
    """Patch the semaphores that processes share. Those made before stay native: the report counts them."""
    try:
        import _multiprocessing  # type: ignore[import-not-found]
    except ImportError:
        # A Python built without: multiprocessing can't be imported either.
        return
    from greenrt.green import _multiprocessing as green

    existing.report_semaphores()
    replace(_multiprocessing, green.FUNCTIONS)


@_patcher("signal")
def patch_signal() -> None:
    """Patch what `signal` has to wait for signals, and `signal.signal`, so that handlers may wait."""
    import signal

    from greenrt.green import signal as green
    from greenrt.green._signal_handlers import adopt_handlers

    replace(signal, green.FUNCTIONS)
    adopt_handlers()


@_patcher("queue")
def patch_queue() -> None:
    """Patch `queue.SimpleQueue` and methods of the other queues. Those made before are replaced."""
    import queue

    from greenrt.green import _queue_calls
    from greenrt.green import queue as green

    native = queue.SimpleQueue
    if not is_module_patched("queue"):
        replace(queue, green.FUNCTIONS)
        patch_methods(queue, "Queue", _queue_calls.METHODS)
        existing.renew_queues(native, queue.SimpleQueue)
        # For second copies of `queue`, which `importlib.reload` makes.
        when_imported("_queue", green.settle, lasting=True)


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
    """Patch time, thread, socket, dns, ssl, select, queue, os, subprocess, multiprocessing, signal. Idempotent.

    The arguments are gevent's, and `multiprocessing`. `builtins`, `contextvars` and `sys` change nothing: there is
    nothing to patch. Call it on the main thread, as early as can be; RuntimeError on another, and where gevent or
    eventlet has patched.
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
