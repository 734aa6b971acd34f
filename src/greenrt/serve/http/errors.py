"""What is wrong with a request."""

__all__ = ["BAD_REQUEST", "RequestError"]

BAD_REQUEST = "400 Bad Request"


class RequestError(OSError):
    """A request that is not served; `status` is the answer, and the connection is closed after it.

    Raised also by reads of ``wsgi.input``, where frameworks treat an OSError as the fault of the client.
    """

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status

    def __str__(self) -> str:
        return f"{self.status}: {self.args[0]}"
