"""eventlet.dagpool: greenthreads that wait for the values of others."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from . import greenthread
from .event import Event

__all__ = ["Collision", "DAGPool", "PropagateError"]

_MISSING: Any = object()


class Collision(Exception):
    """The key has a value, or a greenthread that will give it one."""


class PropagateError(Exception):
    """The value of a key is the exception that its greenthread raised.

    Arguments and attributes: `key`, and `exc`, the exception. Another PropagateError as `exc` is one of a dependency.
    """

    def __init__(self, key: Any, exc: BaseException) -> None:
        super().__init__(key, exc)
        self.key = key
        self.exc = exc
        self.msg: str = f"PropagateError({key}): {type(exc).__name__}: {exc}"

    def __str__(self) -> str:
        return self.msg


class _Coro(NamedTuple):
    """A greenthread of the pool, and the keys that it still waits for."""

    greenthread: Any
    pending: set[Any]


class DAGPool:
    """Greenthreads with keys. Each gets the values of the keys that it depends on, and its result is its key's value.

    Argument: `preload`, a mapping or pairs of keys and values. Attributes: `values`, the values by key; `coros`, the
    greenthreads that run, by key.
    """

    def __init__(self, preload: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        self.values: dict[Any, Any] = dict(preload)
        self.coros: dict[Any, _Coro] = {}
        # Sent and replaced whenever a key gets a value.
        self.event: Event = Event()

    def _keys(self, keys: Any) -> set[Any]:
        return set(keys) if keys is not _MISSING else {*self.coros, *self.values}

    def waitall(self) -> dict[Any, Any]:
        """Wait for the values of all keys; return them. Raises PropagateError for a greenthread that failed."""
        return self.wait()

    def wait(self, keys: Any = _MISSING) -> dict[Any, Any]:
        """Wait for the values of `keys` (default: all known keys); return them by key.

        Raises PropagateError for a greenthread that failed.
        """
        return dict(self.wait_each(keys))

    def wait_each(self, keys: Any = _MISSING) -> Iterator[tuple[Any, Any]]:
        """Return an iterator of keys and values, each as soon as it is known. Failures raise PropagateError."""
        return self._checked(self._arrivals(self._keys(keys)))

    def wait_each_success(self, keys: Any = _MISSING) -> Iterator[tuple[Any, Any]]:
        """Like `wait_each`, without the keys of greenthreads that failed."""
        for key, value in self._arrivals(self._keys(keys)):
            if not isinstance(value, PropagateError):
                yield key, value

    def wait_each_exception(self, keys: Any = _MISSING) -> Iterator[tuple[Any, Any]]:
        """Like `wait_each`, but only for greenthreads that failed; the values are the PropagateErrors."""
        for key, value in self._arrivals(self._keys(keys)):
            if isinstance(value, PropagateError):
                yield key, value

    def _arrivals(self, pending: set[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield keys of `pending` with their values as they become known, and remove them from the set."""
        while pending:
            known = [key for key in pending if key in self.values]
            if not known:
                self.event.wait()
            for key in known:
                pending.discard(key)
                yield key, self.values[key]

    def _checked(self, arrivals: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        for key, value in arrivals:
            yield key, _value(value)

    def spawn(
        self, key: Any, depends: Iterable[Any], function: Callable[..., Any], *args: Any, **kwds: Any
    ) -> None:
        """Run ``function(key, results, *args, **kwds)`` in a greenthread. Its result becomes the value of `key`.

        `results` is an iterator of the keys in `depends` and their values: see `wait_each`. Raises Collision if the
        key is in use.
        """
        if key in self.coros or key in self.values:
            raise Collision(key)
        pending = set(depends)
        results = self._checked(self._arrivals(pending))
        made = greenthread.spawn(self._run, function, key, results, args, kwds)
        self.coros[key] = _Coro(made, pending)

    def _run(
        self,
        function: Callable[..., Any],
        key: Any,
        results: Iterator[tuple[Any, Any]],
        args: tuple[Any, ...],
        kwds: dict[str, Any],
    ) -> Any:
        try:
            result = function(key, results, *args, **kwds)
        except Exception as error:
            result = PropagateError(key, error)
        finally:
            self.coros.pop(key, None)
        # The function may have posted a value itself. That one counts.
        if key not in self.values:
            self.post(key, result)
        return result

    def spawn_many(
        self, depends: Mapping[Any, Iterable[Any]], function: Callable[..., Any], *args: Any, **kwds: Any
    ) -> None:
        """Call `spawn` for each key of `depends`, whose values are what the keys depend on."""
        for key, needed in depends.items():
            self.spawn(key, needed, function, *args, **kwds)

    def kill(self, key: Any) -> None:
        """Kill the greenthread of `key`. Raises KeyError if the pool has no such key."""
        self.coros[key].greenthread.kill()
        self.coros.pop(key, None)

    def post(self, key: Any, value: Any, replace: bool = False) -> None:
        """Set the value of `key`.

        Raises Collision if another greenthread runs for the key, or if it has a value and `replace` is false.
        """
        coro = self.coros.get(key)
        if coro is not None and coro.greenthread is not greenthread.getcurrent():
            raise Collision(key)
        if key in self.values and not replace:
            raise Collision(key)
        self.values[key] = value
        arrived, self.event = self.event, Event()
        arrived.send()

    def __getitem__(self, key: Any) -> Any:
        return next(self.wait_each((key,)))[1]

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of `key`, or `default` if it has none yet. Raises PropagateError if it is a failure."""
        return _value(self.values.get(key, default))

    def keys(self) -> tuple[Any, ...]:
        """Return the keys that have values."""
        return tuple(self.values)

    def items(self) -> tuple[tuple[Any, Any], ...]:
        """Return the keys that have values, with these. Raises PropagateError if one is a failure."""
        return tuple((key, _value(value)) for key, value in self.values.items())

    def running(self) -> int:
        """Return the number of greenthreads that have not ended."""
        return len(self.coros)

    def running_keys(self) -> tuple[Any, ...]:
        """Return the keys of greenthreads that have not ended."""
        return tuple(self.coros)

    def waiting(self) -> int:
        """Return the number of greenthreads that wait for values."""
        return len(self.waiting_for())

    def waiting_for(self, key: Any = _MISSING) -> Any:
        """Return the set of keys that the greenthread of `key` waits for; without `key`, such sets by key.

        Raises KeyError if the key has neither a greenthread nor a value.
        """
        if key is _MISSING:
            sets = {each: self.waiting_for(each) for each in self.coros}
            return {each: found for each, found in sets.items() if found}
        coro = self.coros.get(key)
        if coro is not None:
            return coro.pending - self.values.keys()
        if key not in self.values:
            raise KeyError(key)
        return set()


def _value(value: Any) -> Any:
    if isinstance(value, PropagateError):
        raise value
    return value


__getattr__: Callable[[str], Any] = missing_names(__name__)
