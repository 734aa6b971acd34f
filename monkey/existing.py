"""Replace objects made before patching, where it is safe: native locks, simple queues and thread-locals."""

import gc
import sys
from weakref import ref

from greenrt.monkey.references import objects_of, places, substitute
from greenrt.monkey.state import is_module_patched, note, note_classes, replace

from greenrt import _original
from greenrt._bare import instance_namespace, names_of_module
from greenrt._freeze import hidden_objects
from greenrt._hub.deadlock import idle_threads
from greenrt._typing import Any
from greenrt.green.thread import LockType, RLock

__all__ = ["renew_locks", "renew_queues", "renew_thread_locals", "report_frozen", "report_semaphores"]

_NATIVE_LOCK: Any = type(_original.allocate_lock())
_NATIVE_RLOCK: Any = _original.RLock


_GREEN = {_NATIVE_LOCK: LockType, _NATIVE_RLOCK: RLock}
# Such a lock is held while its thread runs, in any program.
_THREAD_STATE_LOCK = "._tstate_lock"
# This class holds the connections of multiprocessing's managers: if threads shared it, they would mix up answers.
FORK_AWARE = "ForkAwareLocal"
# Modules whose classes are replaced, either here or when asyncio is patched.
REPLACED_ELSEWHERE = ("asyncio.events", "multiprocessing.util")


def renew_locks(logging: bool) -> None:
    """Replace native locks that are free by green ones; without `logging`, except logging's locks.

    Locks in the local variables of running functions can't be reached.
    """
    spared = set() if logging else {id(lock) for lock in _locks_of_logging()}
    free: list[Any] = []
    held: list[Any] = []
    for lock in objects_of(*_GREEN):
        if id(lock) not in spared:
            (free if _is_free(lock) else held).append(lock)
        # This frame is no place that is to be reported.
        del lock
    for where in substitute(free, lambda lock: _GREEN[type(lock)]()):
        note(f"not made green: the lock {where}")
    for thing, where, put in places(held):
        if type(thing) in _GREEN and put is not None and not where.endswith(_THREAD_STATE_LOCK):
            note(f"not made green, since it is held: the lock {where}")


def _is_free(lock: Any) -> bool:
    if type(lock) is _NATIVE_LOCK:
        return not lock.locked()
    # This thread, or another one, holds the lock.
    if lock._is_owned() or not lock.acquire(False):
        return False
    lock.release()
    return True


def _locks_of_logging() -> list[Any]:
    logging = names_of_module("logging")
    handlers = [
        reference() if type(reference) is ref else reference for reference in logging.get("_handlerList", ())
    ]
    # A handler of the program's may have no lock, or a property of this name.
    return [logging.get("_lock"), *((instance_namespace(handler) or {}).get("lock") for handler in handlers)]


def _other_threads() -> bool:
    """Return whether native threads of the program run besides the calling one."""
    return len(set(_original.current_frames()) - idle_threads) > 1


def renew_queues(native: Any, green: type) -> None:
    """Replace native simple queues by green ones with the same items, unless other threads may wait in them."""
    note_classes(native, "queue.SimpleQueue", "get() of its objects blocks")
    queues = objects_of(native)
    if queues and _other_threads():
        note(
            f"{len(queues)} simple queues were made, and native threads started, before patching: their get() blocks"
        )
        return

    def made(old: Any) -> Any:
        new = green()
        while not old.empty():
            new.put(old.get_nowait())
        return new

    for where in substitute(queues, made):
        note(f"not made green: the simple queue {where}")


def report_frozen() -> None:
    """Report how many objects `gc.freeze` hides from the search for what was made before patching.

    The search finds a lock that is younger than the freeze, but not the hidden object that holds it.
    """
    frozen = hidden_objects()
    if frozen:
        note(
            f"gc.freeze() was called before patching and hides {frozen} objects: the locks, queues and thread-locals"
            " among them stay native, and so do later ones that these objects refer to"
        )


def report_semaphores() -> None:
    """Report how many semaphores of multiprocessing exist before they are patched."""
    semaphore = names_of_module("multiprocessing.synchronize").get("SemLock")
    if semaphore is not None and not is_module_patched("_multiprocessing"):
        made = sum(issubclass(type(thing), semaphore) for thing in gc.get_objects())
        if made:
            note(
                f"{made} locks and semaphores of multiprocessing were made before patching: waiting for one blocks"
            )


def renew_thread_locals(native: Any, green: type) -> None:
    """Replace native thread-locals by green ones with this thread's data, unless other threads may have data in them.

    A class that was derived from the native class before patching stays as it is, and is reported.
    """
    fork_aware = names_of_module("multiprocessing.util").get(FORK_AWARE)
    if fork_aware is not None:
        replace(sys.modules["multiprocessing.util"], {FORK_AWARE: _derived(fork_aware, green)})
    shared = "all green threads of a native thread share what its objects hold"
    note_classes(native, "threading.local", shared, apart=REPLACED_ELSEWHERE)
    olds = objects_of(native)
    if olds and _other_threads():
        note(
            f"{len(olds)} thread-locals were made, and native threads started, before patching: "
            "all green threads of a native thread share what they hold"
        )
        return

    def made(old: Any) -> Any:
        new = green()
        vars(new).update(vars(old))
        return new

    for where in substitute(olds, made):
        note(f"not made green: the thread-local {where}")


def _derived(kind: type, base: type) -> type:
    """Return a class like `kind` over another base. Its methods must not call `super()`."""
    body = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
    return type(kind.__name__, (base,), body)
