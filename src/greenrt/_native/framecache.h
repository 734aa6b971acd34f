/* A cache on top of CPython's arena allocator for the 16 KiB data-stack chunk of a thread state or greenlet, and
 * smaller first chunks for greenlets.
 *
 * CPython's own allocator (_PyObject_ArenaMmap in Objects/obmalloc.c) answers every request with one mmap and
 * every release with one munmap; a greenlet that runs Python code asks for one such chunk (push_chunk in
 * Python/pystate.c). Most greenlets use only some hundred bytes of it. So frames_begin() gives the running greenlet a
 * root chunk of 2 KiB, about eight frames, as push_chunk() would; CPython asks for a whole chunk when that is full.
 *
 * Rules of this file:
 * - alloc and free use no Python API and no GIL. A dying thread frees its chunk after its thread state is detached,
 *   and interpreters with a GIL of their own run this code at the same time. The allocator below may need the GIL for
 *   an allocation (from CPython 3.15 on it does): this code calls it only as CPython would have called it.
 * - Each chunk returns to the allocator that made it. Only its address identifies that allocator: CPython frees
 *   chunks made before installation, or while no slab was available, through the same function as ours.
 * - Root chunks are allocated only while this allocator is the current one: another allocator would unmap whole
 *   pages, and two roots share a page.
 * - This code writes nothing into a chunk. A parked greenlet touches the first page of its four; a link word
 *   anywhere else, or a header that shifts chunks off the page boundary, would cost every greenlet another
 *   4 KiB.
 * - Allocated memory is not zeroed. allocate_chunk() sets the three header words, push_chunk() skips data[0]
 *   of a root chunk, and frames initialise their own slots: no code reads the previous content.
 * - From the late versions of 3.13 on, the thread state keeps the chunk that was popped last, for the next greenlet
 *   that pushes one. A root chunk is never popped, so it is never kept.
 */
#ifndef GREENRT_FRAMECACHE_H
#define GREENRT_FRAMECACHE_H

#include <Python.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first version whose Python/pystate.c and thread state were not compared with the assumptions of this file. For
 * free-threaded builds, no version was compared. */
#ifdef Py_GIL_DISABLED
#define FRAMES_CHECKED_BELOW 0
#else
#define FRAMES_CHECKED_BELOW 0x03100000
#endif

/* The interpreter's own constant, from 3.14 on; before, DATA_STACK_CHUNK_SIZE of Python/pystate.c, not exported.
 * Requests of other sizes are forwarded. */
#ifdef _PY_DATA_STACK_CHUNK_SIZE
#define FRAMES_CHUNK ((size_t)_PY_DATA_STACK_CHUNK_SIZE)
#else
#define FRAMES_CHUNK ((size_t)16 * 1024)
#endif
#define FRAMES_ROOT_CHUNK ((size_t)2 * 1024)
#define FRAMES_IN_SLAB 64 /* one bit of a word each */
#define FRAMES_ALL UINT64_MAX
#define FRAMES_SLAB_BITS 17 /* of the smallest slab, one of root chunks: 128 KiB */

/* A two-level table finds a slab by address; user space ends at 2^48 (2^47 on x86-64) unless asked for by
 * hint. */
#define FRAMES_ADDRESS_BITS 48
#define FRAMES_LEAF_BITS 14
#define FRAMES_TABLE_BITS (FRAMES_ADDRESS_BITS - FRAMES_SLAB_BITS - FRAMES_LEAF_BITS)
#define FRAMES_LEAF ((size_t)1 << FRAMES_LEAF_BITS)

typedef struct frame_slab {
    uint64_t free; /* unused chunks */
    uint64_t kept; /* the unused chunks that have memory; the others were never used, or were purged */
    struct frame_slab *prev, *next;
    char *base; /* NULL: there is no slab at this place of the table */
    struct frame_pool *pool;
} frame_slab;

/* The list a slab is on follows from its two words. A full slab is on none. */
enum { FRAMES_WARM, /* in use, with kept chunks: served first, so that the working set stays small */
       FRAMES_IDLE, /* nothing in use, some chunks kept: the only kind that is unmapped */
       FRAMES_COLD, /* free chunks, but no memory behind any: newly mapped, or purged */
       FRAMES_FULL };

typedef struct {
    uint64_t allocations, hits, releases, purged, slabs_mapped, slabs_unmapped;
    uint64_t kept; /* chunks */
} frame_counts;

/* The slabs with chunks of one size. */
typedef struct frame_pool {
    size_t chunk; /* bytes */
    frame_slab lists[FRAMES_FULL]; /* heads of circular lists */
    frame_counts count;
} frame_pool;

enum { FRAMES_WHOLE, FRAMES_ROOTS, FRAMES_POOLS };

static struct {
    pthread_mutex_t lock;
    PyObjectArenaAllocator below;
    int ready;
    size_t page;
    uint64_t passed_on;
    uint64_t limit; /* bytes, of all pools */
    frame_pool pools[FRAMES_POOLS];
} frames = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .limit = (uint64_t)64 << 20,
            .pools = {{.chunk = FRAMES_CHUNK}, {.chunk = FRAMES_ROOT_CHUNK}}};

/* Not a field of `frames`: an object without initializer takes no space in the file. */
static frame_slab *frames_table[(size_t)1 << FRAMES_TABLE_BITS];

static inline size_t frames_length(const frame_pool *pool) { return pool->chunk * FRAMES_IN_SLAB; }

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
        frames_push(&slab->pool->lists[after], slab);
}

/* The record for a slab's first address; NULL if there is none and `create` is 0, or if the table has no memory. */
static frame_slab *frames_record(uintptr_t address, int create)
{
    uintptr_t number = address >> FRAMES_SLAB_BITS;
    uintptr_t branch = number >> FRAMES_LEAF_BITS;
    if (branch >> FRAMES_TABLE_BITS)
        return NULL;
    if (frames_table[branch] == NULL) {
        if (!create)
            return NULL;
        /* Covers 2 GiB of address space. Only touched pages cost memory; a leaf is never unmapped. */
        void *leaf = mmap(NULL, FRAMES_LEAF * sizeof(frame_slab), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (leaf == MAP_FAILED)
            return NULL;
        frames_table[branch] = leaf;
    }
    return &frames_table[branch][number & (FRAMES_LEAF - 1)];
}

/* -- slabs ----------------------------------------------------------------------------------------------- */

/* A piece of address space as long as it is aligned; NULL on failure. The lock is not held. */
static char *frames_map(size_t length)
{
    /* The kernel mostly puts a mapping right below the last one, so after the first slab plain mmap is
     * aligned. */
    char *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if ((uintptr_t)base & (length - 1)) {
        munmap(base, length);
        char *wide = mmap(NULL, 2 * length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (wide == MAP_FAILED)
            return NULL;
        size_t before = -(uintptr_t)wide & (length - 1);
        base = wide + before;
        if (before)
            munmap(wide, before);
        munmap(base + length, length - before);
    }
#ifdef MADV_NOHUGEPAGE
    /* A huge page would give memory to all chunks of 128 greenlets: 16 KiB for the page that each of them touches.
     * EINVAL where the kernel has no huge pages, which is as good. */
    madvise(base, length, MADV_NOHUGEPAGE);
#endif
    return base;
}

/* Unmaps slabs that frames_trim() has removed. The lock is not held: unmapping touched pages takes tens of
 * microseconds. */
static inline void frames_unmap(frame_slab *doomed)
{
    while (doomed != NULL) {
        frame_slab *slab = doomed;
        char *base = slab->base;
        doomed = slab->next;
        /* Before munmap: afterwards another thread may map a new slab at this address, and use this record. */
        slab->base = NULL;
        size_t length = frames_length(slab->pool);
        if (munmap(base, length) == 0)
            continue;
        /* ENOMEM: a hole in a merged mapping would be one mapping too many (vm.max_map_count). Keep the
         * addresses. */
        madvise(base, length, MADV_DONTNEED);
        pthread_mutex_lock(&frames.lock);
        slab->base = base;
        slab->pool->count.slabs_unmapped--;
        frames_push(&slab->pool->lists[FRAMES_COLD], slab);
        pthread_mutex_unlock(&frames.lock);
    }
}

/* Returns the memory of a slab's kept chunks to the kernel, and keeps the addresses. The lock is held: no chunk may
 * be allocated meanwhile. A page that is shared with a chunk in use stays. */
static void frames_purge(frame_slab *slab)
{
    frame_pool *pool = slab->pool;
    uint64_t rest = slab->kept;
    while (rest) {
        unsigned first = (unsigned)__builtin_ctzll(rest);
        uint64_t stop = ~(rest >> first);
        unsigned length = stop ? (unsigned)__builtin_ctzll(stop) : FRAMES_IN_SLAB;
        size_t start = (first * pool->chunk + frames.page - 1) & ~(frames.page - 1);
        size_t end = (first + length) * pool->chunk & ~(frames.page - 1);
        if (start < end)
            madvise(slab->base + start, end - start, MADV_DONTNEED);
        pool->count.purged += length;
        rest &= length == FRAMES_IN_SLAB ? 0 : ~((((uint64_t)1 << length) - 1) << first);
    }
    pool->count.kept -= (unsigned)__builtin_popcountll(slab->kept);
    frames_update(slab, slab->free, 0);
}

static inline uint64_t frames_kept(const frame_pool *pool) { return pool->count.kept * pool->chunk; }

/* Reduces the kept chunks to the limit: from the pool that keeps most, oldest first. Returns the slabs that the
 * caller unmaps after it has released the lock. Unmapping idle slabs alone would not bound the memory: one live chunk
 * in each of a thousand slabs would pin all of them. */
static inline frame_slab *frames_trim(void)
{
    frame_slab *doomed = NULL;
    frame_pool *whole = &frames.pools[FRAMES_WHOLE], *roots = &frames.pools[FRAMES_ROOTS];
    while (frames_kept(whole) + frames_kept(roots) > frames.limit) {
        frame_pool *pool = frames_kept(whole) >= frames_kept(roots) ? whole : roots;
        frame_slab *slab = pool->lists[FRAMES_IDLE].prev;
        if (slab == &pool->lists[FRAMES_IDLE]) {
            frames_purge(pool->lists[FRAMES_WARM].prev);
            continue;
        }
        frames_unlink(slab);
        pool->count.kept -= (unsigned)__builtin_popcountll(slab->kept);
        pool->count.slabs_unmapped++;
        slab->kept = 0;
        slab->next = doomed;
        doomed = slab;
    }
    return doomed;
}

/* -- the allocator --------------------------------------------------------------------------------------- */

static frame_slab *frames_pick(frame_pool *pool)
{
    for (int kind = 0; kind < FRAMES_FULL; kind++)
        if (pool->lists[kind].next != &pool->lists[kind])
            return pool->lists[kind].next;
    return NULL;
}

/* A chunk of `pool`; NULL if no slab can be mapped. */
static void *frames_take(frame_pool *pool)
{
    pthread_mutex_lock(&frames.lock);
    frame_slab *slab = frames_pick(pool);
    if (slab == NULL) {
        pthread_mutex_unlock(&frames.lock);
        char *base = frames_map(frames_length(pool));
        if (base == NULL)
            return NULL;
        pthread_mutex_lock(&frames.lock);
        slab = frames_record((uintptr_t)base, 1);
        if (slab == NULL) {
            pthread_mutex_unlock(&frames.lock);
            munmap(base, frames_length(pool));
            return NULL;
        }
        slab->base = base;
        slab->pool = pool;
        slab->kept = 0;
        slab->free = FRAMES_ALL;
        frames_push(&pool->lists[FRAMES_COLD], slab);
        pool->count.slabs_mapped++;
    }
    uint64_t candidates = slab->kept ? slab->kept : slab->free;
    uint64_t bit = candidates & -candidates;
    if (slab->kept) {
        pool->count.kept--;
        pool->count.hits++;
    }
    pool->count.allocations++;
    frames_update(slab, slab->free & ~bit, slab->kept & ~bit);
    char *chunk = slab->base + (size_t)__builtin_ctzll(bit) * pool->chunk;
    pthread_mutex_unlock(&frames.lock);
    return chunk;
}

/* Returns a chunk to `pool`; 0 if the chunk does not belong to it. */
static int frames_put(frame_pool *pool, void *address)
{
    size_t offset = (uintptr_t)address & (frames_length(pool) - 1);
    pthread_mutex_lock(&frames.lock);
    frame_slab *slab = frames_record((uintptr_t)address - offset, 0);
    /* A slab can have holes: code that restores an older allocator removes ours, unmaps chunks of ours with it, and
     * may later map these addresses again, at any page boundary. */
    if (slab == NULL || slab->base == NULL || slab->pool != pool || offset % pool->chunk) {
        pthread_mutex_unlock(&frames.lock);
        return 0;
    }
    uint64_t bit = (uint64_t)1 << (offset / pool->chunk);
    frame_slab *doomed = NULL;
    /* A second free changes nothing, as with munmap; frames_trim() would miscount if it were counted. */
    if (!(slab->free & bit)) {
        pool->count.releases++;
        pool->count.kept++;
        frames_update(slab, slab->free | bit, slab->kept | bit);
        doomed = frames_trim();
    }
    pthread_mutex_unlock(&frames.lock);
    frames_unmap(doomed);
    return 1;
}

static void *frames_alloc(void *Py_UNUSED(ctx), size_t size)
{
    void *chunk = size == FRAMES_CHUNK ? frames_take(&frames.pools[FRAMES_WHOLE]) : NULL;
    if (chunk != NULL)
        return chunk;
    pthread_mutex_lock(&frames.lock);
    frames.passed_on++;
    pthread_mutex_unlock(&frames.lock);
    return frames.below.alloc(frames.below.ctx, size);
}

static void frames_free(void *Py_UNUSED(ctx), void *address, size_t size)
{
    if (size == FRAMES_CHUNK && frames_put(&frames.pools[FRAMES_WHOLE], address))
        return;
    if (size == FRAMES_ROOT_CHUNK && frames_put(&frames.pools[FRAMES_ROOTS], address))
        return;
    frames.below.free(frames.below.ctx, address, size);
}

/* Gives the running greenlet its first chunk, unless it has one, as push_chunk() and allocate_chunk() do. The GIL
 * is held. greenlet frees the chunk by its size when the greenlet ends. */
static void frames_begin(void)
{
#if PY_VERSION_HEX < FRAMES_CHECKED_BELOW
    PyThreadState *state = PyThreadState_Get();
    PyObjectArenaAllocator current;
    PyObject_GetArenaAllocator(&current);
    if (state->datastack_chunk != NULL || current.free != frames_free)
        return;
    _PyStackChunk *chunk = frames_take(&frames.pools[FRAMES_ROOTS]);
    if (chunk == NULL)
        return;
    chunk->previous = NULL;
    chunk->size = FRAMES_ROOT_CHUNK;
    chunk->top = 0;
    state->datastack_chunk = chunk;
    /* A root chunk is never popped: the first slot stays empty. */
    state->datastack_top = &chunk->data[1];
    state->datastack_limit = (PyObject **)((char *)chunk + FRAMES_ROOT_CHUNK);
#endif
}

/* -- fork ------------------------------------------------------------------------------------------------ */

/* The lock is held across the fork, so that the child never inherits lists halfway through a change. The child can
 * lose one slab, which another thread maps or unmaps outside the lock: that costs addresses, not memory. */
static void frames_before_fork(void) { pthread_mutex_lock(&frames.lock); }
static void frames_after_fork_parent(void) { pthread_mutex_unlock(&frames.lock); }
static void frames_after_fork_child(void) { pthread_mutex_init(&frames.lock, NULL); }

/* -- called by the Python module; the GIL is held -------------------------------------------------------- */

static int frames_current_is(const PyObjectArenaAllocator *wanted)
{
    PyObjectArenaAllocator current;
    PyObject_GetArenaAllocator(&current);
    return current.alloc == wanted->alloc && current.free == wanted->free && current.ctx == wanted->ctx;
}

/* Returns 0 or an errno. */
static int frames_install(void)
{
    /* CPython reads the allocator without a lock, and another interpreter may read it halfway through the change.
     * With the ctx of the allocator below, which ours does not use, each mixture of old and new fields is a
     * working allocator. */
    PyObjectArenaAllocator ours = {NULL, frames_alloc, frames_free};
    if (!frames.ready) {
        int error = pthread_atfork(frames_before_fork, frames_after_fork_parent, frames_after_fork_child);
        if (error)
            return error;
        frames.page = (size_t)sysconf(_SC_PAGESIZE);
        for (int pool = 0; pool < FRAMES_POOLS; pool++)
            for (int kind = 0; kind < FRAMES_FULL; kind++) {
                frame_slab *head = &frames.pools[pool].lists[kind];
                head->prev = head->next = head;
            }
        PyObject_GetArenaAllocator(&frames.below);
        frames.ready = 1;
    }
    else if (!frames_current_is(&frames.below)) {
        /* Ours is installed, or lies below another wrapper. A second copy on top of that wrapper would forward
         * requests to itself. */
        return 0;
    }
    ours.ctx = frames.below.ctx;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    PyObject_SetArenaAllocator(&ours);
    return 0;
}

/* The counters of a pool, and those of all pools. */
static frame_counts frames_counts(int pool, uint64_t *passed_on, uint64_t *limit)
{
    pthread_mutex_lock(&frames.lock);
    frame_counts counts = frames.pools[pool].count;
    *passed_on = frames.passed_on;
    *limit = frames.limit;
    pthread_mutex_unlock(&frames.lock);
    return counts;
}

static void frames_set_limit(uint64_t limit)
{
    pthread_mutex_lock(&frames.lock);
    frames.limit = limit;
    frame_slab *doomed = frames_trim();
    pthread_mutex_unlock(&frames.lock);
    frames_unmap(doomed);
}

static uint64_t frames_fill_pool(frame_pool *pool, int byte)
{
    uint64_t filled = 0;
    for (int kind = FRAMES_WARM; kind <= FRAMES_IDLE; kind++)
        for (frame_slab *slab = pool->lists[kind].next; slab != &pool->lists[kind]; slab = slab->next)
            for (uint64_t rest = slab->kept; rest; rest &= rest - 1, filled++)
                memset(slab->base + (size_t)__builtin_ctzll(rest) * pool->chunk, byte, pool->chunk);
    return filled;
}

/* Overwrites each kept chunk; returns how many there are. */
static uint64_t frames_fill(int byte)
{
    uint64_t filled = 0;
    if (!frames.ready)
        return 0;
    pthread_mutex_lock(&frames.lock);
    for (int pool = 0; pool < FRAMES_POOLS; pool++)
        filled += frames_fill_pool(&frames.pools[pool], byte);
    pthread_mutex_unlock(&frames.lock);
    return filled;
}

#endif
