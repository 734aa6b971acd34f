"""Patch the standard library, so that blocking programs suspend only greenlets, without being changed.

Call ``from greenrt import monkey; monkey.patch_all()`` as early as possible, or use ``greenrt run script.py``.
Patching works in place: it replaces methods on the standard library's own classes. So classes stay the same objects,
and earlier imports do not matter.
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
