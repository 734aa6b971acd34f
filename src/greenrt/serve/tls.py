"""TLS for the connections of a server."""

from greenrt._typing import Any
from greenrt.green import ssl

__all__ = ["make_context", "secure"]


def make_context(certfile: Any, keyfile: Any) -> Any:
    """Return a context for servers with the certificate chain in `certfile`. OSError if the files can't be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile, keyfile)
    # A ticket is a twentieth of a handshake. OpenSSL sends two, for clients that resume on several connections at
    # once; Go sends one. A resumed connection gets the next one either way.
    context.num_tickets = 1
    return context


def secure(connection: Any, context: Any, timeout: float | None) -> Any:
    """Shake hands as the server, and return the TLS socket. OSError if that fails; the connection is closed then."""
    # A context of the standard library's makes sockets that block the thread, unless it is patched.
    standard = ssl.SSLSocket.__base__
    kind: Any = ssl.SSLSocket if context.sslsocket_class is standard else context.sslsocket_class
    try:
        secured = kind._create(
            sock=connection, server_side=True, do_handshake_on_connect=False, context=context
        )
    except BaseException:
        connection.close()
        raise
    try:
        secured.settimeout(timeout)
        secured.do_handshake()
        secured.settimeout(None)
    except BaseException:
        secured.close()
        raise
    return secured
