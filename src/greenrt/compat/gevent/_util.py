"""Descriptors that gevent.testing imports from gevent."""

from collections.abc import Callable

from greenrt._typing import Any

__all__ = ["Lazy", "LazyOnClass"]


class Lazy:
    """A property that its first access replaces by an attribute of the instance."""

    def __init__(self, func: Callable[[Any], Any]) -> None:
        self.func = func
        self.name = func.__name__

    def __get__(self, instance: Any, kind: type) -> Any:
        if instance is None:
            return self
        value = vars(instance)[self.name] = self.func(instance)
        return value


class LazyOnClass:
    """A property that its first access replaces by an attribute of the class."""

    @classmethod
    def lazy(cls, namespace: dict[str, Any], func: Callable[[Any], Any]) -> None:
        """Add the property `func` to the namespace of a class."""
        namespace[func.__name__] = cls(func)

    def __init__(self, func: Callable[[Any], Any], name: str | None = None) -> None:
        self.func = func
        self.name = name or func.__name__

    def __get__(self, instance: Any, kind: type) -> Any:
        if instance is None:
            return self
        value = self.func(instance)
        setattr(kind, self.name, value)
        return value
