"""The standard library's `selectors` module over the cooperative `select`."""

from typing import Any

from greenrt import _original
from greenrt.green import select as _select

_module = _original.private_module("selectors")
_module.select = _select  # type: ignore[attr-defined]
_module.PollSelector._selector_cls = _select.poll
_module.SelectSelector._select = staticmethod(_select.select)
if hasattr(_module, "EpollSelector"):
    _module.EpollSelector._selector_cls = _select.epoll

__all__ = [name for name in dir(_module) if not name.startswith("_")]  # noqa: PLE0605

globals().update({name: getattr(_module, name) for name in __all__})


def __getattr__(name: str) -> Any:
    return getattr(_module, name)
