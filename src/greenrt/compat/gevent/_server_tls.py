"""TLS for gevent's servers: the context that their arguments describe, and the handshake."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.green import ssl

__all__ = ["context_of", "wrapper"]

# What describes a context, in gevent's servers.
DESCRIBING = frozenset(("keyfile", "certfile", "cert_reqs", "ssl_version", "ca_certs", "ciphers"))


def context_of(arguments: dict[str, Any]) -> Any:
    """Return the `ssl_context` among the arguments, or the context that they describe.

    Raise TypeError for an unknown argument, and OSError if a file can't be used.
    """
    if "ssl_context" in arguments:
        unknown = set(arguments) - {"ssl_context"}
        if unknown:
            raise TypeError(
                f"{', '.join(sorted(unknown))} can't be used beside ssl_context; set it in the context"
            )
        return arguments["ssl_context"]
    unknown = set(arguments) - DESCRIBING
    if unknown:
        raise TypeError(f"the server has no argument {', '.join(sorted(unknown))}")
    version = arguments.get("ssl_version")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if version is None else version)
    context.check_hostname = False
    if arguments.get("cert_reqs") is not None:
        context.verify_mode = arguments["cert_reqs"]
    if arguments.get("ca_certs"):
        context.load_verify_locations(arguments["ca_certs"])
    if arguments.get("ciphers"):
        context.set_ciphers(arguments["ciphers"])
    if arguments.get("certfile"):
        context.load_cert_chain(arguments["certfile"], arguments.get("keyfile"))
    elif arguments.get("keyfile"):
        raise TypeError("keyfile is given without certfile; give both")
    return context


def wrapper(context: Any, timeout: float | None) -> Callable[..., Any]:
    """Return the function that wraps a connection in TLS; the handshake may take `timeout` seconds, or None."""
    # Without patching, a context of the standard library makes sockets that block the thread.
    standard = ssl.SSLSocket.__base__

    def wrap(sock: Any, **options: Any) -> Any:
        sock.settimeout(timeout)
        if context.sslsocket_class is standard:
            green: Any = ssl.SSLSocket
            secured = green._create(sock=sock, context=context, **options)
        else:
            secured = context.wrap_socket(sock, **options)
        secured.settimeout(None)
        return secured

    return wrap
