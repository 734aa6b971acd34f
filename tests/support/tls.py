"""TLS for tests: contexts with a certificate for localhost that is valid for a hundred years and not secret."""

from pathlib import Path
from types import ModuleType
from typing import Any

CERTIFICATE = Path(__file__).with_name("localhost.pem")


def contexts(ssl: ModuleType) -> tuple[Any, Any]:
    """Return a client context and a server context of the module `ssl`."""
    client = ssl.create_default_context(cafile=str(CERTIFICATE))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    return client, server
