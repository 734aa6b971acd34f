"""ThreadProxy: an object whose blocking methods run in a native thread of its own."""

import operator
from collections.abc import Callable

from greenrt._hub.current_hub import hub_for_waiting
from greenrt._typing import Any
from greenrt.sync.threadpool import ThreadPool

__all__ = ["ThreadProxy"]


class _Worker:
    """The thread of an object. It ends when the last proxy that uses it is destroyed."""

    def __init__(self) -> None:
        # Make no hub for a native thread that has none: such a thread blocks while it waits.
        self.pool = ThreadPool(1, hub_for_waiting())

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make the call in the thread, after all earlier calls; park until it ends, and return its result."""
        return self.pool.spawn(function, *args, **kwargs).get()

    def __del__(self) -> None:
        # `close` only queues the end of the thread here: a finalizer must not switch.
        self.pool.close(wait=False)


class ThreadProxy:
    """Stands for an object and uses it in one native thread, always the same, while other greenlets run.

    Use it for objects that block and know nothing of greenlets, and for objects that belong to the thread that made
    them (sqlite3): ``ThreadProxy.make(sqlite3.connect, "file.db", wrap=(sqlite3.Cursor,))`` makes the object in the
    thread too. The proxy reads and sets attributes in the thread, and makes calls in the thread. Any greenlet and any
    thread may use the proxy; the thread serves them in the order of their arrival. An error of a call is raised in
    the caller. If the caller is killed, the call keeps running and its result is dropped.

    Arguments: `target`, the object; `wrap`, a tuple of types: the proxy returns results of these types as proxies for
    the same thread. Raises TypeError if `wrap` is not a tuple of types. The attributes are those of the object.
    """

    __slots__ = ("__target", "__weakref__", "__worker", "__wrap")

    def __init__(self, target: Any, wrap: tuple[type, ...] = (), _worker: Any = None) -> None:
        if not (isinstance(wrap, tuple) and all(isinstance(kind, type) for kind in wrap)):
            raise TypeError(f"wrap must be a tuple of types, not {wrap!r}")
        put = object.__setattr__
        put(self, "_ThreadProxy__target", target)
        put(self, "_ThreadProxy__wrap", wrap)
        put(self, "_ThreadProxy__worker", _worker if _worker is not None else _Worker())

    @classmethod
    def make(
        cls, factory: Callable[..., Any], *args: Any, wrap: tuple[type, ...] = (), **kwargs: Any
    ) -> "ThreadProxy":
        """Call ``factory(*args, **kwargs)`` in a new thread; return a proxy of the result (`wrap`: see the class)."""
        worker = _Worker()
        return cls(worker.call(factory, *args, **kwargs), wrap, worker)

    def __use(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        found = self.__worker.call(function, *args, **kwargs)
        if found is self.__target:
            return self
        if isinstance(found, self.__wrap):
            return type(self)(found, self.__wrap, self.__worker)
        return found

    def __getattr__(self, name: str) -> Any:
        found = self.__worker.call(getattr, self.__target, name)
        return _Method(self.__use, found) if callable(found) else found

    def __setattr__(self, name: str, value: Any) -> None:
        self.__worker.call(setattr, self.__target, name, value)

    def __delattr__(self, name: str) -> None:
        self.__worker.call(delattr, self.__target, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__use(self.__target, *args, **kwargs)

    def __iter__(self) -> Any:
        found = self.__use(iter, self.__target)
        # An iterator that blocks then blocks only the thread.
        return found if isinstance(found, ThreadProxy) else type(self)(found, self.__wrap, self.__worker)

    def __dir__(self) -> list[str]:
        return self.__worker.call(dir, self.__target)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        # The object's own repr is not used: a repr must not wait.
        return f"<ThreadProxy at {id(self):#x} of a {type(self.__target).__name__} at {id(self.__target):#x}>"


class _Method:
    """A method or another callable of the object; calls run in the thread."""

    __slots__ = ("_function", "_use")

    def __init__(self, use: Callable[..., Any], function: Callable[..., Any]) -> None:
        self._use = use
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._use(self._function, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self._function!r} in its ThreadProxy's thread>"


def _forward(function: Callable[..., Any]) -> Callable[..., Any]:
    def special(self: Any, *args: Any) -> Any:
        return self._ThreadProxy__use(function, self._ThreadProxy__target, *args)

    return special


# Python looks up special methods on the class.
_SPECIAL: dict[str, Callable[..., Any]] = {
    "__enter__": lambda target: type(target).__enter__(target),
    "__exit__": lambda target, *error: type(target).__exit__(target, *error),
    "__next__": next,
    "__len__": len,
    "__bool__": bool,
    "__contains__": operator.contains,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
}
for _name, _function in _SPECIAL.items():
    setattr(ThreadProxy, _name, _forward(_function))
