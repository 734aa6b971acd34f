"""Patching of the standard library: blocking programs suspend greenlets only, without being changed.

``from greenrt import monkey; monkey.patch_all()``, as early as possible, or ``greenrt run script.py``. Patching is in
place: methods are replaced on the standard library's own classes, so classes stay the same objects, and it does not
matter what was imported before.
"""

from greenrt.monkey.gevent_names import (
    MonkeyPatchWarning,
    patch_builtins,
    patch_contextvars,
    patch_selectors,
    patch_sys,
)
from greenrt.monkey.patches import (
    patch_all,
    patch_dns,
    patch_multiprocessing,
    patch_os,
    patch_queue,
    patch_select,
    patch_signal,
    patch_socket,
    patch_ssl,
    patch_subprocess,
    patch_thread,
    patch_time,
)
from greenrt.monkey.state import (
    get_original,
    is_anything_patched,
    is_module_patched,
    is_object_patched,
    patch_module,
    report,
)
from greenrt.monkey.subscribers import subscribe

__all__ = [
    "MonkeyPatchWarning",
    "get_original",
    "is_anything_patched",
    "is_module_patched",
    "is_object_patched",
    "patch_all",
    "patch_builtins",
    "patch_contextvars",
    "patch_dns",
    "patch_module",
    "patch_multiprocessing",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_selectors",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_sys",
    "patch_thread",
    "patch_time",
    "report",
    "subscribe",
]
