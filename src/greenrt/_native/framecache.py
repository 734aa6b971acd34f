"""The cache of frame-stack chunks (plain twin). It does nothing, since Python code can't be an allocator."""

import os

__all__ = ["begin_frames", "fill_free", "install", "installed", "set_limit", "statistics"]

# The same value as in the compiled module.
CHECKED_BELOW = 0x03100000


def install() -> bool:
    """Return False: there is no cache to install. Check GREENRT_FRAME_CACHE as the compiled module does."""
    choice = os.environ.get("GREENRT_FRAME_CACHE", "")
    if choice not in ("", "0", "1"):
        raise ValueError(f"GREENRT_FRAME_CACHE is {choice!r}; use 0 (no frame-stack cache) or 1 (default)")
    return False


def installed() -> bool:
    """Return False."""
    return False


def begin_frames() -> None:
    """Do nothing."""


def set_limit(bytes: int) -> None:
    """Do nothing. Raises ValueError for a negative number."""
    if bytes < 0:
        raise ValueError(f"the frame-stack cache can't keep {bytes} bytes; use 0 to keep nothing")


def statistics(roots: bool = False) -> dict[str, int]:
    """Return the counters of the compiled module, all 0."""
    return dict.fromkeys(
        (
            "allocations",
            "hits",
            "chunks_in_use",
            "chunks_free",
            "chunks_blank",
            "chunks_purged",
            "slabs_mapped",
            "slabs_unmapped",
            "passed_on",
            "limit_bytes",
        ),
        0,
    )


def fill_free(byte: int) -> int:
    """Return 0: there are no free chunks."""
    return 0
