"""Unpatched names of the standard library, bound when greenrt is first imported.

The runtime takes every blocking function from this module. So patching the standard library never changes the
runtime itself.
"""

import _imp
import _signal
import _socket
import _thread
import builtins
import io
import os
import queue as _queue
import select as _select
import sys
import time
from importlib import import_module
from types import ModuleType

from greenrt._typing import Any

try:
    import _interpreters as interpreters  # type: ignore[import-not-found]
except ImportError:
    # New in 3.13.
    interpreters = None

__all__ = [
    "TIMEOUT_MAX",
    "BufferedRWPair",
    "BufferedRandom",
    "BufferedReader",
    "BufferedWriter",
    "Empty",
    "FileIO",
    "Full",
    "RLock",
    "ShutDown",
    "acquire_import_lock",
    "allocate_lock",
    "call_in_interpreter",
    "close",
    "create_interpreter",
    "current_frames",
    "destroy_interpreter",
    "dup2",
    "epoll",
    "epoll_poll",
    "eventfd_read",
    "eventfd_write",
    "exec_in_interpreter",
    "get_ident",
    "get_native_id",
    "get_signal",
    "getaddrinfo",
    "getcpuclockid",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "input",
    "interpreters",
    "interrupt_main",
    "late_module",
    "make_native_handle",
    "open",
    "os_open",
    "pause",
    "poll",
    "preadv",
    "private_module",
    "pthread_kill",
    "pthread_sigmask",
    "pwritev",
    "raise_signal",
    "read",
    "readinto",
    "readv",
    "release_import_lock",
    "renew_lock",
    "run_func_in_interpreter",
    "run_string_in_interpreter",
    "select",
    "sendfile",
    "set_sentinel",
    "set_signal",
    "set_thread_name",
    "set_wakeup_fd",
    "sigtimedwait",
    "sigwait",
    "sigwaitinfo",
    "sleep",
    "socket_type",
    "splice",
    "start_joinable_thread",
    "start_new_thread",
    "system",
    "thread_local",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
]

acquire_import_lock: Any = _imp.acquire_lock
release_import_lock: Any = _imp.release_lock
sleep = time.sleep
getcpuclockid: Any = getattr(time, "pthread_getcpuclockid", None)
allocate_lock = _thread.allocate_lock
RLock = _thread.RLock
get_ident = _thread.get_ident
current_frames = sys._current_frames
get_native_id = _thread.get_native_id
# Annotated as Any: typeshed demands a Signals, but an int works.
interrupt_main: Any = _thread.interrupt_main
thread_local = _thread._local
TIMEOUT_MAX = _thread.TIMEOUT_MAX
start_new_thread = _thread.start_new_thread
# Removed in 3.13.
set_sentinel: Any = getattr(_thread, "_set_sentinel", None)
# New in 3.13.
make_native_handle: Any = getattr(_thread, "_ThreadHandle", None)
start_joinable_thread: Any = getattr(_thread, "start_joinable_thread", None)
# New in 3.14.
set_thread_name: Any = getattr(_thread, "set_name", None)
get_signal = _signal.getsignal
raise_signal = _signal.raise_signal
set_signal = _signal.signal
set_wakeup_fd = _signal.set_wakeup_fd
pthread_kill: Any = getattr(_signal, "pthread_kill", None)
pthread_sigmask: Any = getattr(_signal, "pthread_sigmask", None)
pause: Any = getattr(_signal, "pause", None)
sigwait: Any = getattr(_signal, "sigwait", None)
sigwaitinfo: Any = getattr(_signal, "sigwaitinfo", None)
sigtimedwait: Any = getattr(_signal, "sigtimedwait", None)
socket_type = _socket.socket
# These block. They return raw results, without enums.
getaddrinfo = _socket.getaddrinfo
gethostbyaddr = _socket.gethostbyaddr
gethostbyname = _socket.gethostbyname
gethostbyname_ex = _socket.gethostbyname_ex
getnameinfo = _socket.getnameinfo
open = io.open
input = builtins.input
FileIO = io.FileIO
BufferedReader = io.BufferedReader
BufferedWriter = io.BufferedWriter
BufferedRandom = io.BufferedRandom
BufferedRWPair = io.BufferedRWPair
os_open = os.open
close = os.close
dup2 = os.dup2
read = os.read
readv: Any = getattr(os, "readv", None)
preadv: Any = getattr(os, "preadv", None)
pwritev: Any = getattr(os, "pwritev", None)
sendfile: Any = getattr(os, "sendfile", None)
splice: Any = getattr(os, "splice", None)
eventfd_read: Any = getattr(os, "eventfd_read", None)
eventfd_write: Any = getattr(os, "eventfd_write", None)
# New in 3.14.
readinto: Any = getattr(os, "readinto", None)
write = os.write
writev: Any = getattr(os, "writev", None)
system = os.system
wait4: Any = getattr(os, "wait4", None)
waitpid = os.waitpid
waitid: Any = getattr(os, "waitid", None)
select = _select.select
poll: Any = getattr(_select, "poll", None)
epoll: Any = getattr(_select, "epoll", None)
epoll_poll: Any = getattr(epoll, "poll", None)
# From `_interpreters`. Not every version has all of them.
create_interpreter: Any = getattr(interpreters, "create", None)
destroy_interpreter: Any = getattr(interpreters, "destroy", None)
exec_in_interpreter: Any = getattr(interpreters, "exec", None)
call_in_interpreter: Any = getattr(interpreters, "call", None)
run_func_in_interpreter: Any = getattr(interpreters, "run_func", None)
run_string_in_interpreter: Any = getattr(interpreters, "run_string", None)
Empty = _queue.Empty
Full = _queue.Full
# New in 3.13.
ShutDown: Any = getattr(_queue, "ShutDown", None)


def renew_lock(lock: Any) -> None:
    """Free an RLock that another thread holds, in the child of a fork: that thread does not exist in the child."""
    if not lock._is_owned():
        lock._at_fork_reinit()


_private: dict[str, ModuleType] = {}


def late_module(name: str) -> Any:
    """Import and return a module of the standard library that is slow to import and that few programs need."""
    return import_module(name)


def private_module(name: str) -> ModuleType:
    """Return a second copy of the standard library's pure Python module `name`, which is never patched.

    Its classes are different objects from those of the public module: isinstance does not match across the two. The
    first call for a name loads the copy; later calls return it. Raises ModuleNotFoundError if there is no such
    module.
    """
    module = _private.get(name)
    if module is None:
        # Imported late: few programs need it, and the import is slow.
        from importlib.util import find_spec, module_from_spec, spec_from_file_location

        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)
        # Some modules look themselves up in sys.modules while they are executed (dataclasses, enum conversions).
        alias = f"greenrt._original.{name}"
        copy = spec_from_file_location(alias, spec.origin)
        assert copy is not None
        assert copy.loader is not None
        module = module_from_spec(copy)
        sys.modules[alias] = module
        try:
            copy.loader.exec_module(module)
        finally:
            del sys.modules[alias]
        _private[name] = module
    return module
