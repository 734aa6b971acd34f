"""eventlet.tpool: calls that block run in native threads, while other greenthreads run."""

import os
import traceback
import warnings
from collections.abc import Callable

from greenrt import _original
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.sync.threadpool import ThreadPool

__all__ = ["Proxy", "execute", "killall", "set_num_threads"]

# Whether the exceptions of calls are not printed. They are raised in the caller in any case.
QUIET = True


def _configured() -> int:
    text = os.environ.get("EVENTLET_THREADPOOL_SIZE", "20")
    return int(text)


_nthreads = _configured()
_pool: ThreadPool | None = None


def _threads() -> ThreadPool | None:
    """Return the pool, made at the first call; None if calls run in the caller's thread."""
    global _pool
    assert _nthreads >= 0, f"the pool can't have {_nthreads} threads (EVENTLET_THREADPOOL_SIZE)"
    if _nthreads == 0:
        warnings.warn(
            "Zero threads in tpool (EVENTLET_THREADPOOL_SIZE): tpool.execute blocks all greenthreads",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
    if _pool is None:
        _pool = ThreadPool(_nthreads)
    return _pool


def execute(meth: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``meth(*args, **kwargs)`` in a native thread; park until it ends; return its result.

    An exception of the call is raised here. Does the call directly if the caller is in a thread of the pool.
    """
    pool = None if _is_ours() else _threads()
    try:
        if pool is None:
            return meth(*args, **kwargs)
        return pool.spawn(_run, meth, args, kwargs).get()
    except Exception:
        if not QUIET:
            traceback.print_exc()
        raise


# The ids of the native threads in which a call of the pool runs.
_in_calls: set[int] = set()


def _is_ours() -> bool:
    return _original.get_ident() in _in_calls


def _run(meth: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ident = _original.get_ident()
    _in_calls.add(ident)
    try:
        return meth(*args, **kwargs)
    finally:
        _in_calls.discard(ident)


def killall() -> None:
    """Wait for all calls and end the threads. The next call starts new ones."""
    global _pool
    pool, _pool = _pool, None
    if pool is not None:
        pool.close()


def setup() -> None:
    """Make the pool now. The first call makes it otherwise."""
    _threads()


def set_num_threads(nthreads: int) -> None:
    """Set the number of threads for the next pool: call it before the first `execute` or after `killall`."""
    global _nthreads
    _nthreads = nthreads


def proxy_call(autowrap: tuple[type, ...], f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``f`` in a native thread; return a Proxy if the result is of a type in `autowrap`.

    The keyword argument `nonblocking` makes the call here.
    """
    result = f(*args, **kwargs) if kwargs.pop("nonblocking", False) else execute(f, *args, **kwargs)
    return Proxy(result, autowrap) if isinstance(result, autowrap) else result


class Proxy:
    """Stands for an object and makes its calls in native threads.

    Arguments: `obj`, the object; `autowrap`, types whose instances are returned as proxies; `autowrap_names`, names
    of attributes that are returned, and whose results are returned, as proxies. Reading an attribute, comparing,
    `len`, `str`, `repr` and `bool` happen in the caller's thread.
    """

    def __init__(
        self, obj: Any, autowrap: tuple[type, ...] = (), autowrap_names: tuple[str, ...] = ()
    ) -> None:
        self._obj = obj
        self._autowrap = autowrap
        self._autowrap_names = autowrap_names

    def __getattr__(self, attr_name: str) -> Any:
        found = getattr(self._obj, attr_name)
        if not callable(found):
            wrapped = isinstance(found, self._autowrap) or attr_name in self._autowrap_names
            return Proxy(found, self._autowrap) if wrapped else found

        def call(*args: Any, **kwargs: Any) -> Any:
            result = proxy_call(self._autowrap, found, *args, **kwargs)
            if attr_name in self._autowrap_names and not isinstance(result, Proxy):
                return Proxy(result)
            return result

        return call

    # Python looks up these on the class.

    def __getitem__(self, key: Any) -> Any:
        return proxy_call(self._autowrap, self._obj.__getitem__, key)

    def __setitem__(self, key: Any, value: Any) -> Any:
        return proxy_call(self._autowrap, self._obj.__setitem__, key, value)

    def __deepcopy__(self, memo: Any = None) -> Any:
        return proxy_call(self._autowrap, self._obj.__deepcopy__, memo)

    def __copy__(self, memo: Any = None) -> Any:
        return proxy_call(self._autowrap, self._obj.__copy__, memo)

    def __call__(self, *a: Any, **kw: Any) -> Any:
        result = proxy_call(self._autowrap, self._obj, *a, **kw)
        return Proxy(result) if "__call__" in self._autowrap_names else result

    def __enter__(self) -> Any:
        return proxy_call(self._autowrap, self._obj.__enter__)

    def __exit__(self, *exc: Any) -> Any:
        return proxy_call(self._autowrap, self._obj.__exit__, *exc)

    def __eq__(self, rhs: object) -> bool:
        return bool(self._obj == rhs)

    def __hash__(self) -> int:
        return hash(self._obj)

    def __repr__(self) -> str:
        return repr(self._obj)

    def __str__(self) -> str:
        return str(self._obj)

    def __len__(self) -> int:
        return len(self._obj)

    def __bool__(self) -> bool:
        return bool(self._obj)

    def __iter__(self) -> Any:
        made = iter(self._obj)
        return self if made is self._obj else Proxy(made)

    def __next__(self) -> Any:
        # StopIteration can't be the exception of a coroutine's or a future's result, so it travels as a value.
        found = proxy_call(self._autowrap, next, self._obj, _END)
        if found is _END:
            raise StopIteration
        return found

    next = __next__


_END: Any = object()


__getattr__: Callable[[str], Any] = missing_names(__name__)
