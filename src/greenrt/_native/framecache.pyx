"""A cache of the 16 KiB frame-stack chunks that CPython maps and unmaps anew for each greenlet.

From 3.11 on, Python frames live in chunks that CPython takes from its arena allocator (Python/pystate.c,
Objects/obmalloc.c): one mmap(2) and one munmap(2) for each greenlet and thread that runs Python code.
Installed, the cache answers those requests from slabs of 1 MiB and keeps what is freed; every other size
goes to the allocator below. A greenlet of greenrt's begins with a root chunk of 2 KiB, from slabs of 128 KiB;
CPython asks for a whole one when the frames don't fit any more. framecache.h has the code and its rules.

Memory: of the free chunks at most `set_limit` bytes, 64 MiB unless changed, keep their memory; each counts
in full, though most greenlets touch only 4 of 16 KiB. Beyond it whole slabs are unmapped, and where a live
chunk pins a slab, the memory of its free chunks is given back by madvise(2).
"""

import os
import sys

from libc.stdint cimport uint64_t


cdef extern from "framecache.h" nogil:
    const uint64_t FRAMES_IN_SLAB
    const int FRAMES_WHOLE
    const int FRAMES_ROOTS
    const int FRAMES_CHECKED_BELOW

    ctypedef struct frame_counts:
        uint64_t allocations
        uint64_t hits
        uint64_t releases
        uint64_t purged
        uint64_t slabs_mapped
        uint64_t slabs_unmapped
        uint64_t kept

    frame_counts frames_counts(int pool, uint64_t *passed_on, uint64_t *limit)
    void frames_set_limit(uint64_t limit)
    uint64_t frames_fill(int byte)

cdef extern from "framecache.h":
    bint frames_installed "frames.ready"
    int frames_install()
    void frames_begin()


# The first interpreter that was not checked, as sys.hexversion; see framecache.h.
CHECKED_BELOW = FRAMES_CHECKED_BELOW


def install() -> bool:
    """Put the cache on top of the current arena allocator; tell whether it is in place.

    Any thread. Once in place it stays: later calls return True and change nothing, also when other code has
    put an allocator on top of it since. It is put back only when the very allocator it was put on is the
    current one again. With GREENRT_FRAME_CACHE=0 in the environment, or under an interpreter from CHECKED_BELOW on,
    it does nothing and returns False.
    Raises ValueError when that variable is anything but 0, 1 or empty, and MemoryError when
    pthread_atfork(3) has no memory.
    """
    choice = os.environ.get("GREENRT_FRAME_CACHE", "")
    if choice not in ("", "0", "1"):
        raise ValueError(f"GREENRT_FRAME_CACHE is {choice!r}; use 0 (no frame-stack cache) or 1 (default)")
    if choice == "0" or sys.hexversion >= CHECKED_BELOW:
        return False
    if frames_install() != 0:
        raise MemoryError("pthread_atfork has no memory for the frame-stack cache's fork handlers")
    return True


def installed() -> bool:
    """Tell whether `install` has put the cache in place; any thread."""
    return frames_installed


cpdef begin_frames():
    """Give the running greenlet a root chunk, unless it has run Python code before or the cache is not in place."""
    frames_begin()


def set_limit(bytes) -> None:
    """Keep at most `bytes` bytes of free chunks, and give the rest back at once; any thread.

    Raises ValueError for a negative number. 0 keeps nothing: each chunk is given back when it is freed.
    """
    if bytes < 0:
        raise ValueError(f"the frame-stack cache can't keep {bytes} bytes; use 0 to keep nothing")
    cdef uint64_t limit = min(bytes, (1 << 63) - 1)
    with nogil:
        frames_set_limit(limit)


def statistics(roots=False) -> dict[str, int]:
    """Return the counters of the whole chunks, or of the `roots`; any thread, all taken at one moment.

    allocations: chunks handed out so far; hits: those of them that were used before and kept;
    chunks_in_use: handed out now; chunks_free: free and kept; chunks_blank: free and without memory;
    chunks_purged: gave their memory back while their slab stayed; slabs_mapped, slabs_unmapped: so far.
    Of both: passed_on: requests that went to the allocator below, because of their size or because no slab could
    be mapped; limit_bytes: see `set_limit`.
    """
    cdef frame_counts counts
    cdef uint64_t passed_on, limit
    cdef int pool = FRAMES_ROOTS if roots else FRAMES_WHOLE
    with nogil:
        counts = frames_counts(pool, &passed_on, &limit)
    in_use = counts.allocations - counts.releases
    return {
        "allocations": counts.allocations,
        "hits": counts.hits,
        "chunks_in_use": in_use,
        "chunks_free": counts.kept,
        "chunks_blank": (counts.slabs_mapped - counts.slabs_unmapped) * FRAMES_IN_SLAB - in_use - counts.kept,
        "chunks_purged": counts.purged,
        "slabs_mapped": counts.slabs_mapped,
        "slabs_unmapped": counts.slabs_unmapped,
        "passed_on": passed_on,
        "limit_bytes": limit,
    }


def fill_free(byte) -> int:
    """Overwrite each kept free chunk with `byte` (0 to 255) and return how many there were; for tests.

    Any thread. Code that relies on zeroed or stale memory in a chunk then fails at once.
    """
    cdef unsigned char value = byte
    cdef uint64_t filled
    with nogil:
        filled = frames_fill(value)
    return filled
