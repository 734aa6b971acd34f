"""TLS for the connections of a server: certificate files and handshakes."""

import errno
import os
from pathlib import Path

from greenrt._typing import Any
from greenrt.green import ssl

__all__ = ["CertificateError", "check_authorities", "check_files", "make_context", "secure"]


# The first lines of a certificate: RFC 7468, and OpenSSL's own form.
CERTIFICATES = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----")
# OpenSSL's names for a key that does not belong to the certificate: of the same type, or of another one.
MISMATCHES = frozenset(("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"))


class CertificateError(OSError):
    """A file with a certificate or a key can't be used.

    `setting` is the name of the argument, `path` the file and `reason` what is wrong with it.
    """

    def __init__(self, number: int, setting: str, path: Any, reason: str) -> None:
        # With two arguments, OSError chooses no subclass, and strerror holds the whole text.
        super().__init__(number, f"{setting} {os.fspath(path)!r} {reason}")
        self.setting = setting
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return str(self.strerror)


class _MissingError(CertificateError, FileNotFoundError):
    """The file does not exist."""


def make_context(certfile: Any, keyfile: Any) -> Any:
    """Return a context for servers with the certificate chain in `certfile`.

    Raise CertificateError, an OSError, if a file can't be used, and TypeError for an argument that is no path.
    """
    check_files(certfile, keyfile)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile, keyfile)
    # Sending a session ticket takes a twentieth of a handshake. OpenSSL sends two, for clients that resume on several
    # connections at once; Go sends one. A resumed connection gets the next ticket either way.
    context.num_tickets = 1
    return context


def check_files(certfile: Any, keyfile: Any) -> None:
    """Raise CertificateError, which names the wrong file, unless the files have a certificate chain and its key.

    A pipe is left to OpenSSL, since it can be read only once.
    """
    if _is_pipe(certfile) or _is_pipe(keyfile):
        return
    chain = _read("certfile", certfile)
    key = chain if keyfile is None else _read("keyfile", keyfile)
    if not any(marker in chain for marker in CERTIFICATES):
        reason = "has no certificate in PEM"
        if b"PRIVATE KEY-----" in chain:
            reason = "has a private key and no certificate"
            if any(marker in key for marker in CERTIFICATES):
                reason += "; certfile and keyfile are swapped"
        raise CertificateError(errno.EINVAL, "certfile", certfile, reason)
    if b"PRIVATE KEY-----" not in key:
        if keyfile is None:
            raise CertificateError(errno.EINVAL, "certfile", certfile, "has no private key; give keyfile too")
        raise CertificateError(errno.EINVAL, "keyfile", keyfile, "has no private key in PEM")
    named = ("certfile", certfile) if keyfile is None else ("keyfile", keyfile)
    if b"BEGIN ENCRYPTED PRIVATE KEY-----" in key or b"Proc-Type: 4,ENCRYPTED" in key:
        raise CertificateError(
            errno.EINVAL,
            *named,
            "has an encrypted private key; decrypt it, or give an ssl_context with its password",
        )
    _load(certfile, keyfile, named)


def _load(certfile: Any, keyfile: Any, named: tuple[str, Any]) -> None:
    """Let OpenSSL read the files; raise CertificateError for its errors."""
    try:
        # The empty password prevents a prompt, whatever the key looks like.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password="")
    except ssl.SSLError as error:
        if error.reason in MISMATCHES:
            reason = f"has a private key that does not match the certificate in {os.fspath(certfile)!r}"
            raise CertificateError(errno.EINVAL, *named, reason) from None
        # OpenSSL does not say which file it could not read. Reading certificates needs only the chain.
        try:
            ssl.create_default_context(cafile=certfile)
        except ssl.SSLError:
            named = ("certfile", certfile)
        what = error.reason or str(error)
        raise CertificateError(errno.EINVAL, *named, f"can't be read by OpenSSL: {what}") from None


def check_authorities(setting: str, path: Any) -> None:
    """Raise CertificateError unless a file has certificates of authorities.

    `setting` is the argument that names the file.
    """
    content = _read(setting, path)
    if not any(marker in content for marker in CERTIFICATES):
        raise CertificateError(errno.EINVAL, setting, path, "has no certificate in PEM")
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        what = error.reason or str(error)
        raise CertificateError(errno.EINVAL, setting, path, f"can't be read by OpenSSL: {what}") from None


def _is_pipe(path: Any) -> bool:
    return isinstance(path, str | bytes | os.PathLike) and Path(os.fsdecode(path)).is_fifo()


def _read(setting: str, path: Any) -> bytes:
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"{setting} must be a path, not {path!r}")
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or errno.EINVAL
        kind = _MissingError if number == errno.ENOENT else CertificateError
        why = getattr(error, "strerror", None) or error
        raise kind(number, setting, path, f"can't be read: {why}") from None


def secure(connection: Any, context: Any, timeout: float | None) -> Any:
    """Make the handshake as the server and return the TLS socket, which has no timeout.

    `timeout` is in seconds, or None. Raise OSError if the handshake fails; the connection is closed then.
    """
    # Without patching, a context of the standard library makes sockets that block the thread.
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
