/* A cache on top of CPython's arena allocator for the 16 KiB data-stack chunk of a thread state or greenlet.
 *
 * CPython's own allocator (_PyObject_ArenaMmap in Objects/obmalloc.c) answers every request with one mmap and
 * every release with one munmap; a greenlet that runs Python code asks for one such chunk (push_chunk in
 * Python/pystate.c).
 *
 * Rules of this file:
 * - No Python API and no GIL inside alloc and free. A dying thread frees its chunk when its thread state is
 *   already detached, and interpreters with a GIL of their own run in here at the same time.
 * - A chunk goes back to whom it came from. Only the address can tell: chunks made before installation, or
 *   while no slab could be had, are returned through the same function as ours.
 * - Nothing is written into a chunk. A parked greenlet touches the first page of its four; a link word
 *   anywhere else, or a header that shifts chunks off the page boundary, would cost every greenlet another
 *   4 KiB.
 * - Memory handed out is not zeroed. allocate_chunk() sets the three header words, push_chunk() skips data[0]
 *   of a root chunk, and frames initialise their own slots: nobody reads what was there before.
 */
#ifndef GREENRT_FRAMECACHE_H
#define GREENRT_FRAMECACHE_H

#include <Python.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* DATA_STACK_CHUNK_SIZE of Python/pystate.c, not exported. Should it change, no request matches and all is
 * passed on. */
#define FRAMES_CHUNK ((size_t)16 * 1024)
#define FRAMES_SLAB_BITS 20
#define FRAMES_SLAB ((size_t)1 << FRAMES_SLAB_BITS)
#define FRAMES_IN_SLAB 64 /* FRAMES_SLAB / FRAMES_CHUNK: one bit of a word each */
#define FRAMES_ALL UINT64_MAX

/* A two-level table finds a slab by address; user space ends at 2^48 (2^47 on x86-64) unless asked for by
 * hint. */
#define FRAMES_ADDRESS_BITS 48
#define FRAMES_LEAF_BITS 14
#define FRAMES_ROOT_BITS (FRAMES_ADDRESS_BITS - FRAMES_SLAB_BITS - FRAMES_LEAF_BITS)
#define FRAMES_LEAF ((size_t)1 << FRAMES_LEAF_BITS)

typedef struct frame_slab {
    uint64_t free; /* chunks that nobody uses */
    uint64_t kept; /* those of them with memory behind them; the others were never used, or purged */
    struct frame_slab *prev, *next;
    char *base; /* NULL: there is no slab at this place of the table */
} frame_slab;

/* The list a slab is on follows from its two words. A full slab is on none. */
enum { FRAMES_WARM, /* in use, with kept chunks: served first, so that the working set stays small */
       FRAMES_IDLE, /* nothing in use, some chunks kept: the only kind that is unmapped */
       FRAMES_COLD, /* free chunks, but no memory behind any: newly mapped, or purged */
       FRAMES_FULL };

typedef struct {
    uint64_t allocations, hits, releases, passed_on, purged, slabs_mapped, slabs_unmapped;
    uint64_t kept;  /* chunks */
    uint64_t limit; /* bytes */
} frame_counts;

static struct {
    pthread_mutex_t lock;
    PyObjectArenaAllocator below;
    int ready;
    frame_slab lists[FRAMES_FULL]; /* heads of circular lists */
    frame_counts count;
    frame_slab *root[(size_t)1 << FRAMES_ROOT_BITS];
} frames = {.lock = PTHREAD_MUTEX_INITIALIZER, .count = {.limit = (uint64_t)64 << 20}};

/* -- the lists and the table; the lock is held ----------------------------------------------------------- */

static inline int frames_place(const frame_slab *slab)
{
    if (slab->kept)
        return slab->free == FRAMES_ALL ? FRAMES_IDLE : FRAMES_WARM;
    return slab->free ? FRAMES_COLD : FRAMES_FULL;
}

static inline void frames_unlink(frame_slab *slab)
{
    slab->prev->next = slab->next;
    slab->next->prev = slab->prev;
}

static inline void frames_push(frame_slab *head, frame_slab *slab)
{
    slab->prev = head;
    slab->next = head->next;
    head->next->prev = slab;
    head->next = slab;
}

/* Newest first: the slab that was full until now has the fewest free chunks and the warmest one. */
static inline void frames_update(frame_slab *slab, uint64_t free, uint64_t kept)
{
    int before = frames_place(slab);
    slab->free = free;
    slab->kept = kept;
    int after = frames_place(slab);
    if (before == after)
        return;
    if (before != FRAMES_FULL)
        frames_unlink(slab);
    if (after != FRAMES_FULL)
        frames_push(&frames.lists[after], slab);
}

/* The record for an address; NULL when there is none and `create` is 0, or no memory for the table. */
static frame_slab *frames_record(uintptr_t address, int create)
{
    uintptr_t number = address >> FRAMES_SLAB_BITS;
    uintptr_t branch = number >> FRAMES_LEAF_BITS;
    if (branch >> FRAMES_ROOT_BITS)
        return NULL;
    if (frames.root[branch] == NULL) {
        if (!create)
            return NULL;
        /* Covers 16 GiB of address space. Only touched pages cost memory; a leaf is never taken down. */
        void *leaf = mmap(NULL, FRAMES_LEAF * sizeof(frame_slab), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (leaf == MAP_FAILED)
            return NULL;
        frames.root[branch] = leaf;
    }
    return &frames.root[branch][number & (FRAMES_LEAF - 1)];
}

/* -- slabs ----------------------------------------------------------------------------------------------- */

/* A piece of address space as long as it is aligned; NULL on failure. The lock is not held. */
static char *frames_map(void)
{
    /* The kernel mostly puts a mapping right below the last one, so after the first slab plain mmap is
     * aligned. */
    char *base = mmap(NULL, FRAMES_SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if ((uintptr_t)base & (FRAMES_SLAB - 1)) {
        munmap(base, FRAMES_SLAB);
        char *wide = mmap(NULL, 2 * FRAMES_SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (wide == MAP_FAILED)
            return NULL;
        size_t before = -(uintptr_t)wide & (FRAMES_SLAB - 1);
        base = wide + before;
        if (before)
            munmap(wide, before);
        munmap(base + FRAMES_SLAB, FRAMES_SLAB - before);
    }
#ifdef MADV_NOHUGEPAGE
    /* A huge page would back 128 greenlets' chunks in full: 16 KiB for the page each of them touches. EINVAL
     * where the kernel has no huge pages: as good. */
    madvise(base, FRAMES_SLAB, MADV_NOHUGEPAGE);
#endif
    return base;
}

/* Unmaps slabs that frames_trim() took out. The lock is not held: unmapping touched pages takes tens of
 * microseconds. */
static inline void frames_unmap(frame_slab *doomed)
{
    while (doomed != NULL) {
        frame_slab *slab = doomed;
        char *base = slab->base;
        doomed = slab->next;
        /* Before munmap: from then on the same address, and with it this record, may be another thread's new
         * slab. */
        slab->base = NULL;
        if (munmap(base, FRAMES_SLAB) == 0)
            continue;
        /* ENOMEM: a hole in a merged mapping would be one mapping too many (vm.max_map_count). Keep the
         * addresses. */
        madvise(base, FRAMES_SLAB, MADV_DONTNEED);
        pthread_mutex_lock(&frames.lock);
        slab->base = base;
        frames.count.slabs_unmapped--;
        frames_push(&frames.lists[FRAMES_COLD], slab);
        pthread_mutex_unlock(&frames.lock);
    }
}

/* Gives the memory of a slab's kept chunks back to the kernel, and keeps the addresses. The lock is held: a
 * chunk must not be handed out meanwhile. */
static void frames_purge(frame_slab *slab)
{
    uint64_t rest = slab->kept;
    while (rest) {
        unsigned first = (unsigned)__builtin_ctzll(rest);
        uint64_t stop = ~(rest >> first);
        unsigned length = stop ? (unsigned)__builtin_ctzll(stop) : FRAMES_IN_SLAB;
        madvise(slab->base + first * FRAMES_CHUNK, length * FRAMES_CHUNK, MADV_DONTNEED);
        frames.count.purged += length;
        rest &= length == FRAMES_IN_SLAB ? 0 : ~((((uint64_t)1 << length) - 1) << first);
    }
    frames.count.kept -= (unsigned)__builtin_popcountll(slab->kept);
    frames_update(slab, slab->free, 0);
}

/* Brings the kept chunks below the limit, oldest first; returns the slabs to unmap once the lock is released.
 * Unmapping idle slabs alone would not bound anything: one survivor in each of a thousand slabs would pin all
 * of them. */
static inline frame_slab *frames_trim(void)
{
    frame_slab *doomed = NULL;
    while (frames.count.kept * FRAMES_CHUNK > frames.count.limit) {
        frame_slab *slab = frames.lists[FRAMES_IDLE].prev;
        if (slab == &frames.lists[FRAMES_IDLE]) {
            frames_purge(frames.lists[FRAMES_WARM].prev);
            continue;
        }
        frames_unlink(slab);
        frames.count.kept -= (unsigned)__builtin_popcountll(slab->kept);
        frames.count.slabs_unmapped++;
        slab->kept = 0;
        slab->next = doomed;
        doomed = slab;
    }
    return doomed;
}

/* -- the allocator --------------------------------------------------------------------------------------- */

static frame_slab *frames_pick(void)
{
    for (int kind = 0; kind < FRAMES_FULL; kind++)
        if (frames.lists[kind].next != &frames.lists[kind])
            return frames.lists[kind].next;
    return NULL;
}

static void *frames_pass_alloc(size_t size)
{
    pthread_mutex_lock(&frames.lock);
    frames.count.passed_on++;
    pthread_mutex_unlock(&frames.lock);
    return frames.below.alloc(frames.below.ctx, size);
}

static void *frames_alloc(void *Py_UNUSED(ctx), size_t size)
{
    if (size != FRAMES_CHUNK)
        return frames_pass_alloc(size);
    pthread_mutex_lock(&frames.lock);
    frame_slab *slab = frames_pick();
    if (slab == NULL) {
        pthread_mutex_unlock(&frames.lock);
        char *base = frames_map();
        if (base == NULL)
            return frames_pass_alloc(size);
        pthread_mutex_lock(&frames.lock);
        slab = frames_record((uintptr_t)base, 1);
        if (slab == NULL) {
            pthread_mutex_unlock(&frames.lock);
            munmap(base, FRAMES_SLAB);
            return frames_pass_alloc(size);
        }
        slab->base = base;
        slab->kept = 0;
        slab->free = FRAMES_ALL;
        frames_push(&frames.lists[FRAMES_COLD], slab);
        frames.count.slabs_mapped++;
    }
    uint64_t candidates = slab->kept ? slab->kept : slab->free;
    uint64_t bit = candidates & -candidates;
    if (slab->kept) {
        frames.count.kept--;
        frames.count.hits++;
    }
    frames.count.allocations++;
    frames_update(slab, slab->free & ~bit, slab->kept & ~bit);
    char *chunk = slab->base + (size_t)__builtin_ctzll(bit) * FRAMES_CHUNK;
    pthread_mutex_unlock(&frames.lock);
    return chunk;
}

static void frames_free(void *Py_UNUSED(ctx), void *address, size_t size)
{
    if (size == FRAMES_CHUNK) {
        pthread_mutex_lock(&frames.lock);
        frame_slab *slab = frames_record((uintptr_t)address, 0);
        size_t offset = (uintptr_t)address & (FRAMES_SLAB - 1);
        uint64_t bit = (uint64_t)1 << (offset / FRAMES_CHUNK);
        /* A slab can have holes: who takes us out by setting an older allocator unmaps chunks of ours with
         * it, and may be given those addresses again, at any page boundary. */
        if (slab != NULL && slab->base != NULL && offset % FRAMES_CHUNK == 0) {
            frame_slab *doomed = NULL;
            /* A second free changes nothing, as with munmap; counting it would send frames_trim() astray. */
            if (!(slab->free & bit)) {
                frames.count.releases++;
                frames.count.kept++;
                frames_update(slab, slab->free | bit, slab->kept | bit);
                doomed = frames_trim();
            }
            pthread_mutex_unlock(&frames.lock);
            frames_unmap(doomed);
            return;
        }
        pthread_mutex_unlock(&frames.lock);
    }
    frames.below.free(frames.below.ctx, address, size);
}

/* -- fork ------------------------------------------------------------------------------------------------ */

/* The lock is held across the fork, so that the child never inherits lists halfway through a change. What can
 * be lost in the child is one slab that another thread is mapping or unmapping outside the lock: addresses,
 * no memory. */
static void frames_before_fork(void) { pthread_mutex_lock(&frames.lock); }
static void frames_after_fork_parent(void) { pthread_mutex_unlock(&frames.lock); }
static void frames_after_fork_child(void) { pthread_mutex_init(&frames.lock, NULL); }

/* -- what the Python module calls; the GIL is held ------------------------------------------------------- */

static int frames_current_is(const PyObjectArenaAllocator *wanted)
{
    PyObjectArenaAllocator current;
    PyObject_GetArenaAllocator(&current);
    return current.alloc == wanted->alloc && current.free == wanted->free && current.ctx == wanted->ctx;
}

/* 0, or an errno. */
static int frames_install(void)
{
    /* Readers of the allocator take no lock, and another interpreter may read it halfway through the change.
     * With the ctx of the allocator below, which ours does not use, each mixture of old and new fields is a
     * working allocator. */
    PyObjectArenaAllocator ours = {NULL, frames_alloc, frames_free};
    if (!frames.ready) {
        int error = pthread_atfork(frames_before_fork, frames_after_fork_parent, frames_after_fork_child);
        if (error)
            return error;
        for (int kind = 0; kind < FRAMES_FULL; kind++)
            frames.lists[kind].prev = frames.lists[kind].next = &frames.lists[kind];
        PyObject_GetArenaAllocator(&frames.below);
        frames.ready = 1;
    }
    else if (!frames_current_is(&frames.below)) {
        /* In place, or below somebody's wrapper: a second copy of us on top of that wrapper would pass on to
         * itself. */
        return 0;
    }
    ours.ctx = frames.below.ctx;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    PyObject_SetArenaAllocator(&ours);
    return 0;
}

static frame_counts frames_counts(void)
{
    pthread_mutex_lock(&frames.lock);
    frame_counts counts = frames.count;
    pthread_mutex_unlock(&frames.lock);
    return counts;
}

static void frames_set_limit(uint64_t limit)
{
    pthread_mutex_lock(&frames.lock);
    frames.count.limit = limit;
    frame_slab *doomed = frames_trim();
    pthread_mutex_unlock(&frames.lock);
    frames_unmap(doomed);
}

/* Overwrites each kept chunk; returns how many. */
static uint64_t frames_fill(int byte)
{
    uint64_t filled = 0;
    if (!frames.ready)
        return 0;
    pthread_mutex_lock(&frames.lock);
    for (int kind = FRAMES_WARM; kind <= FRAMES_IDLE; kind++)
        for (frame_slab *slab = frames.lists[kind].next; slab != &frames.lists[kind]; slab = slab->next)
            for (uint64_t rest = slab->kept; rest; rest &= rest - 1, filled++)
                memset(slab->base + (size_t)__builtin_ctzll(rest) * FRAMES_CHUNK, byte, FRAMES_CHUNK);
    pthread_mutex_unlock(&frames.lock);
    return filled;
}

#endif
