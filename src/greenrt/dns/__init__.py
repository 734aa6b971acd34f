"""Names of hosts, resolved without blocking and exactly as the C library does."""

__all__: list[str] = []
