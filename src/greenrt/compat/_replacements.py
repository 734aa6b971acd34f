"""What to use in place of modules of gevent's and eventlet's that greenrt does not offer."""

__all__ = ["replacement_for"]

_LOOP = "gevent.core, and get_hub().loop"

# By the module's name. An entry is also that of the modules in it.
_REPLACEMENTS = {
    "gevent._abstract_linkable": "gevent.event",
    "gevent._event": "gevent.event",
    "gevent._ffi": _LOOP,
    "gevent._fileobjectcommon": "gevent.fileobject",
    "gevent._fileobjectposix": "gevent.fileobject",
    "gevent._gevent_c_abstract_linkable": "gevent.event",
    "gevent._gevent_c_greenlet_primitives": "gevent.greenlet",
    "gevent._gevent_c_hub_local": "gevent.get_hub",
    "gevent._gevent_c_hub_primitives": "gevent.hub",
    "gevent._gevent_c_ident": "gevent.util",
    "gevent._gevent_c_imap": "gevent.pool",
    "gevent._gevent_c_semaphore": "gevent.lock",
    "gevent._gevent_c_tracer": "gevent.events, or greenrt.inspect.Instrument",
    "gevent._gevent_c_waiter": "gevent.hub.Waiter",
    "gevent._gevent_cevent": "gevent.event",
    "gevent._gevent_cgreenlet": "gevent.greenlet",
    "gevent._gevent_clocal": "gevent.local",
    "gevent._gevent_cqueue": "gevent.queue",
    "gevent._greenlet_primitives": "gevent.greenlet",
    "gevent._hub_primitives": "gevent.hub",
    "gevent._imap": "gevent.pool",
    "gevent._interfaces": "the classes themselves",
    "gevent._patcher": "gevent.monkey",
    "gevent._semaphore": "gevent.lock",
    "gevent._socket3": "gevent.socket",
    "gevent._socketcommon": "gevent.socket",
    "gevent._ssl3": "gevent.ssl",
    "gevent._sslgte279": "gevent.ssl",
    "gevent._tblib": "the exceptions' own __traceback__",
    "gevent._threading": "gevent.monkey.get_original",
    "gevent._waiter": "gevent.hub.Waiter",
    "gevent.libev": _LOOP,
    "gevent.libuv": _LOOP,
    "gevent.testing": "gevent itself, which tests gevent",
    "gevent.tests": "gevent itself, which tests gevent",
    "eventlet.asyncio": "eventlet.spawn",
    "eventlet.coros": "eventlet.event and eventlet.semaphore",
    "eventlet.green.OpenSSL": "eventlet.green.ssl, or eventlet.tpool around calls of pyOpenSSL",
    "eventlet.hubs.pyevent": "eventlet.hubs.get_hub",
    "eventlet.support.psycopg2_patcher": "psycogreen.eventlet",
    "eventlet.support.pylib": "eventlet.greenthread",
    "eventlet.support.stacklesspypys": "eventlet.greenthread",
    "eventlet.support.stacklesss": "eventlet.greenthread",
    "eventlet.zipkin": "OpenTelemetry's instrumentation of the program",
}


def replacement_for(module: str) -> str | None:
    """Return what a program uses in place of `module`, as a text; None where nothing is known."""
    while module:
        if module in _REPLACEMENTS:
            return _REPLACEMENTS[module]
        module = module.rpartition(".")[0]
    return None
