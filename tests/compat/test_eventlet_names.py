"""Each public name of eventlet's exists, or stands here with the reason why it does not."""

import subprocess
import sys
from pathlib import Path

from support.child import environment

HUB = "a helper inside eventlet's hub"
RESOLVER = "a part of eventlet's resolver; greenrt has one of its own"
INSIDE = "a helper inside eventlet that its module happens to show"

# Module: the names that it does not have. The reason.
MISSING = {
    ("eventlet.backdoor", INSIDE): "FileProxy",
    ("eventlet.hubs", HUB): "builtin_hub_modules builtin_hub_names",
    ("eventlet.hubs.hub", HUB): (
        "DebugListener alarm_handler alarm_itimer arm_alarm closed_callback g_prevent_multiple_readers noop"
    ),
    ("eventlet.patcher", INSIDE): "SysModulesSaver",
    ("eventlet.queue", INSIDE): "ItemWaiter Waiter",
    ("eventlet.support", INSIDE): "PY33 wrap_deprecated",
    ("eventlet.support.greendns", RESOLVER): (
        "DNS_QUERY_TIMEOUT HOSTS_TTL HostsAnswer HostsResolver ResolverProxy compute_expiration getaliases pkg reset "
        "resolve resolve_cname resolver tcp udp"
    ),
    ("eventlet.tpool", INSIDE): "EXC_CLASSES SYS_EXCS tpool_trampoline tworker",
    ("eventlet.websocket", INSIDE): "utf8validator",
    ("eventlet.wsgi", INSIDE): (
        "ACCEPT_ERRNO ACCEPT_EXCEPTIONS FileObjectForHeaders HeaderLineTooLong HeadersTooLarge RESPONSE_414"
    ),
}
if sys.version_info >= (3, 14):
    MISSING["eventlet.green.urllib.request", "CPython 3.14 removed them"] = "FancyURLopener URLopener"
if sys.version_info >= (3, 15):
    MISSING["eventlet.green.BaseHTTPServer", "CPython 3.15 removed it"] = "CGIHTTPRequestHandler"

LOOK = """
import importlib, sys
import greenrt.compat
greenrt.compat.install("eventlet")
for line in open(sys.argv[1]):
    module, _, name = line.strip().partition(" | ")
    if not line.startswith("#") and not hasattr(importlib.import_module(module), name):
        print(module, name)
"""


def test_names() -> None:
    """In a process of its own: some modules of `eventlet.green` import second copies of standard modules."""
    names = Path(__file__).with_name("eventlet_names.txt")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK, str(names)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    expected = {f"{module} {name}" for (module, _), listed in MISSING.items() for name in listed.split()}
    assert set(done.stdout.splitlines()) == expected
