"""A cache of the 16 KiB frame-stack chunks, which CPython otherwise maps and unmaps for each greenlet.

From 3.11 on, Python frames live in chunks that CPython takes from its arena allocator (Python/pystate.c,
Objects/obmalloc.c). That costs one mmap(2) and one munmap(2) for each greenlet and thread that runs Python code. Once
installed, the cache serves these requests from slabs of 1 MiB and keeps freed chunks. It forwards every other size to
the allocator below. A greenlet of greenrt starts with a root chunk of 2 KiB, from slabs of 128 KiB; when its frames
no longer fit, CPython asks for a whole chunk. framecache.h has the code and its rules.

Memory: at most `set_limit` bytes of free chunks keep their memory, 64 MiB by default. Each chunk counts in full,
though most greenlets touch only 4 of 16 KiB. Beyond the limit the cache unmaps whole slabs. If a live chunk pins a
slab, the cache returns the memory of its free chunks to the kernel with madvise(2).
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


# The first version of CPython that was not checked, as sys.hexversion; see framecache.h.
CHECKED_BELOW = FRAMES_CHECKED_BELOW


def install() -> bool:
    """Install the cache on top of the current arena allocator; return whether it is installed.

    May be called from any thread. The cache stays installed: later calls return True and change nothing, even if
    other code has put an allocator on top of it since. A later call installs it again only if the allocator below it
    has become the current one again. With GREENRT_FRAME_CACHE=0 in the environment, or on Python CHECKED_BELOW or
    newer, this does nothing and returns False. Raises ValueError if that variable is not 0, 1 or empty, and
    MemoryError if pthread_atfork(3) has no memory.
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
    """Return whether `install` has installed the cache. May be called from any thread."""
    return frames_installed


cpdef begin_frames():
    """Give the running greenlet a root chunk, unless it has run Python code already or the cache is not installed."""
    frames_begin()


def set_limit(bytes) -> None:
    """Keep at most `bytes` bytes of free chunks, and return the rest to the kernel at once.

    0 keeps nothing: each chunk is returned when it is freed. Raises ValueError for a negative number. May be called
    from any thread.
    """
    if bytes < 0:
        raise ValueError(f"the frame-stack cache can't keep {bytes} bytes; use 0 to keep nothing")
    cdef uint64_t limit = min(bytes, (1 << 63) - 1)
    with nogil:
        frames_set_limit(limit)


def statistics(roots=False) -> dict[str, int]:
    """Return the counters of the whole chunks, or of the root chunks if `roots` is true.

    allocations: number of chunks allocated so far; hits: how many of these were kept from an earlier use;
    chunks_in_use: allocated now; chunks_free: free, with memory; chunks_blank: free, without memory;
    chunks_purged: how many have lost their memory while their slab stayed; slabs_mapped, slabs_unmapped: so far.
    For both kinds together: passed_on: requests forwarded to the allocator below, because of their size or because no
    slab could be mapped; limit_bytes: see `set_limit`.
    The numbers are consistent with each other. May be called from any thread.
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
    """Overwrite each free chunk that has memory with `byte` (0 to 255) and return how many there were; for tests.

    Code that relies on zeroed or stale memory in a chunk then fails at once. May be called from any thread.
    """
    cdef unsigned char value = byte
    cdef uint64_t filled
    with nogil:
        filled = frames_fill(value)
    return filled
