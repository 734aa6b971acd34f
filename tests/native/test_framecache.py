"""The frame-stack cache. Tests of the real cache run in a child process: an allocator can't be removed again."""

import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from greenrt._native import framecache

COMPILED = not (framecache.__file__ or "").endswith(".py")
compiled_only = pytest.mark.skipif(not COMPILED, reason="the plain twin has no cache: nothing to observe")

# The first lines of every child script. `direct` calls the allocator as C code does. It holds the GIL, which the
# interpreter's own allocator needs for forwarded requests (from CPython 3.15 on).
PRELUDE = """
import ctypes, faulthandler, gc, os, random, signal, sys, threading, time
faulthandler.dump_traceback_later(100, exit=True)
from greenlet import getcurrent, greenlet
from greenrt._native import framecache

CHUNK, SLAB = 16384, 1 << 20
# From the late versions of 3.13 on, a thread state keeps the chunk that was popped last.
KEPT = 1 if sys.version_info >= (3, 13) else 0

def stats():
    return framecache.statistics()

def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def park():
    getcurrent().parent.switch()

def parked(count, body=park):
    made = [greenlet(body) for _ in range(count)]
    for one in made:
        one.switch()
    return made

class Arena(ctypes.Structure):
    _fields_ = [("ctx", ctypes.c_void_p), ("alloc", ctypes.c_void_p), ("free", ctypes.c_void_p)]

    def key(self):
        return (self.ctx, self.alloc, self.free)

def current_arena():
    arena = Arena()
    ctypes.pythonapi.PyObject_GetArenaAllocator(ctypes.byref(arena))
    return arena

def set_arena(arena):
    ctypes.pythonapi.PyObject_SetArenaAllocator(ctypes.byref(arena))

def direct():
    arena = current_arena()
    alloc = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(arena.alloc)
    free = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(arena.free)
    return (lambda size: alloc(arena.ctx, size)), (lambda address, size: free(arena.ctx, address, size))
"""

C_SOURCE = r"""
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct { void *ctx; void *(*alloc)(void *, size_t); void (*free)(void *, void *, size_t); } arena;

/* A wrapper that counts and passes on. */
static arena inner;
static long calls[2];
static void *count_alloc(void *ctx, size_t size) {
    __atomic_fetch_add(&calls[0], 1, __ATOMIC_RELAXED); return inner.alloc(inner.ctx, size); }
static void count_free(void *ctx, void *p, size_t size) {
    __atomic_fetch_add(&calls[1], 1, __ATOMIC_RELAXED); inner.free(inner.ctx, p, size); }
void wrap(arena *a) { inner = *a; a->ctx = &inner; a->alloc = count_alloc; a->free = count_free; }
long counted(int which) { return __atomic_load_n(&calls[which], __ATOMIC_RELAXED); }

/* Threads that take chunks, stamp them, pass some to each other, and look whether the stamps are intact. */
enum { HELD = 700 };
static arena target;
static int rounds;
static void *shared[64];
static long errors;

static void give_back(void *chunk) {
    uintptr_t *words = chunk;
    if (words[0] != (uintptr_t)chunk || words[2047] != (uintptr_t)chunk)
        __atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED);
    words[0] = words[2047] = 0;
    target.free(target.ctx, chunk, 16384);
}

static void *work(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed * 2654435761u + 1;
    void *held[HELD] = {0};
    for (int i = 0; i < rounds; i++) {
        state = state * 1664525u + 1013904223u;
        unsigned slot = (state >> 8) % HELD;
        if (held[slot]) {
            void *other = __atomic_exchange_n(&shared[(state >> 3) % 64], held[slot], __ATOMIC_ACQ_REL);
            held[slot] = NULL;
            if (other)
                give_back(other);
        }
        else {
            uintptr_t *chunk = target.alloc(target.ctx, 16384);
            if (chunk == NULL || (uintptr_t)chunk % 4096) {
                __atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED);
                break;
            }
            chunk[0] = chunk[2047] = (uintptr_t)chunk;
            held[slot] = chunk;
        }
    }
    for (int i = 0; i < HELD; i++)
        if (held[i])
            give_back(held[i]);
    return NULL;
}

long stress(arena *a, int threads, int count) {
    pthread_t ids[16];
    target = *a;
    rounds = count;
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    for (int i = 0; i < 64; i++)
        if (shared[i]) {
            give_back(shared[i]);
            shared[i] = NULL;
        }
    return errors;
}
"""


def run(script: str, *arguments: str, **environment: str) -> str:
    """Run a child Python with the prelude and `script`. Fail with its output unless it exits with 0."""
    variables = {name: value for name, value in os.environ.items() if name != "GREENRT_FRAME_CACHE"}
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script), *arguments],
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def helper(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: threads without the GIL and a foreign wrapper can't be written in Python")
    folder = tmp_path_factory.mktemp("framecache")
    source, library = folder / "helper.c", folder / "helper.so"
    source.write_text(C_SOURCE)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-pthread", "-o", library, source], check=True)
    return str(library)


def plain_twin() -> ModuleType:
    path = Path(framecache.__file__ or "").parent / "framecache.py"
    spec = importlib.util.spec_from_file_location("plain_framecache", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- the interface, in both builds


def test_import_installs_nothing() -> None:
    run("""
        before = current_arena().key()
        greenlet(park).switch()
        assert not framecache.installed()
        assert stats()["allocations"] == 0
        assert current_arena().key() == before
    """)


def test_environment_switches_it_off() -> None:
    run(
        """
        before = current_arena().key()
        assert framecache.install() is False
        assert framecache.installed() is False
        parked(10)
        assert stats()["allocations"] == stats()["passed_on"] == 0
        assert current_arena().key() == before
        """,
        GREENRT_FRAME_CACHE="0",
    )


@pytest.mark.parametrize("choice", ["", "1"])
def test_environment_leaves_it_on(choice: str) -> None:
    run(
        "assert framecache.install() is framecache.installed() is (sys.argv[1] == 'True')",
        str(COMPILED),
        GREENRT_FRAME_CACHE=choice,
    )


@pytest.mark.parametrize("choice", ["", "1"])
def test_off_under_an_interpreter_that_was_not_checked(choice: str) -> None:
    run(
        """
        assert sys.hexversion < framecache.CHECKED_BELOW
        framecache.CHECKED_BELOW = sys.hexversion
        before = current_arena().key()
        assert framecache.install() is framecache.installed() is False
        assert current_arena().key() == before
        import greenrt
        assert greenrt.spawn(sum, [1, 2]).get() == 3
        assert stats()["allocations"] == framecache.statistics(roots=True)["allocations"] == 0
        """,
        GREENRT_FRAME_CACHE=choice,
    )


@pytest.mark.parametrize("module", [framecache, plain_twin()], ids=["imported", "plain twin"])
@pytest.mark.parametrize("choice", ["yes", "00", " 1", "off"])
def test_environment_is_checked(module: ModuleType, choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENRT_FRAME_CACHE", choice)
    with pytest.raises(ValueError, match=rf"GREENRT_FRAME_CACHE is {choice!r}; use 0 .* or 1 "):
        module.install()


@pytest.mark.parametrize("module", [framecache, plain_twin()], ids=["imported", "plain twin"])
def test_limit_is_checked(module: ModuleType) -> None:
    with pytest.raises(ValueError, match="can't keep -1 bytes; use 0 to keep nothing"):
        module.set_limit(-1)


def test_plain_twin_is_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = plain_twin()
    monkeypatch.delenv("GREENRT_FRAME_CACHE", raising=False)
    assert twin.install() is False
    assert twin.installed() is False
    twin.set_limit(0)
    assert twin.fill_free(1) == 0
    assert set(twin.statistics().values()) == {0}
    assert list(twin.statistics()) == list(framecache.statistics())
    assert twin.CHECKED_BELOW == framecache.CHECKED_BELOW
    assert all(callable(getattr(framecache, name)) for name in twin.__all__)


# -- requests that the cache serves


@compiled_only
def test_chunks_are_reused() -> None:
    run("""
        assert framecache.install() and framecache.installed()
        for _ in range(1000):
            greenlet(lambda: None).switch()
        got = stats()
        assert got["allocations"] >= 1000 and got["hits"] >= 999, got
        assert got["slabs_mapped"] == 1 and got["slabs_unmapped"] == 0 and got["chunks_in_use"] == 0, got
        assert got["chunks_free"] + got["chunks_blank"] == 64 and got["limit_bytes"] == 64 << 20, got
    """)


@compiled_only
def test_installed_once() -> None:
    run("""
        assert framecache.install()
        ours = current_arena().key()
        assert framecache.install() and current_arena().key() == ours
        os.environ["GREENRT_FRAME_CACHE"] = "0"
        assert framecache.install() is False and framecache.installed() and current_arena().key() == ours
    """)


@compiled_only
def test_chunk_made_before_and_freed_after_install() -> None:
    run("""
        early = parked(300)
        thread_may_end = threading.Event()
        thread = threading.Thread(target=thread_may_end.wait)
        thread.start()
        framecache.install()
        late = parked(300)
        assert stats()["chunks_in_use"] == 300
        random.Random(1).shuffle(early)
        for one in early:
            one.switch()
        thread_may_end.set()
        thread.join()
        assert stats()["chunks_in_use"] == 300 and stats()["chunks_free"] == 0
        for one in late:
            one.switch()
        assert stats()["chunks_in_use"] == 0 and stats()["chunks_free"] == 300
    """)


@compiled_only
def test_deep_recursion() -> None:
    run("""
        framecache.install()
        sys.setrecursionlimit(30000)

        def deep(n):
            a, b, c, d = n, str(n), [n], None
            result = 0 if n == 0 else deep(n - 1) + 1
            assert (a, b, c, d) == (n, str(n), [n], None)
            return result

        def body():
            for depth in (10, 20000, 500, 20000):
                assert deep(depth) == depth
                getcurrent().parent.switch()
            try:
                deep(10**6)
            except RecursionError:
                done.append(1)

        done = []
        three = [greenlet(body) for _ in range(3)]
        while not all(one.dead for one in three):
            for one in three:
                if not one.dead:
                    one.switch()
        got = stats()
        assert done == [1, 1, 1]
        assert got["allocations"] > 1000 and got["chunks_in_use"] <= KEPT, got
        del three
        gc.collect()
        # The thread state keeps it, and uses it again.
        greenlet(deep).switch(1000)
        assert stats()["chunks_in_use"] <= KEPT
    """)


@compiled_only
def test_a_popped_chunk_that_a_thread_state_keeps_is_freed_with_the_thread() -> None:
    run("""
        framecache.install()

        def deep(n):
            return deep(n - 1) + 1 if n else 0

        def work():
            assert deep(900) == 900
            made = [greenlet(deep) for _ in range(3)]
            assert [one.switch(900) for one in made] == [900] * 3
            # The last chunk of one greenlet is the first one of the next.
            parked_deep = [greenlet(switch_deep) for _ in range(3)]
            for _ in range(2):
                for one in parked_deep:
                    one.switch(900)
            assert stats()["chunks_in_use"] > 3

        def switch_deep(n):
            getcurrent().parent.switch() if n == 0 else switch_deep(n - 1)

        for _ in range(20):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        deadline = time.monotonic() + 20
        # join() returns a little before the thread state is deleted.
        while stats()["chunks_in_use"] > KEPT and time.monotonic() < deadline:
            time.sleep(0.01)
        got = stats()
        assert got["chunks_in_use"] <= KEPT and got["hits"] > 0, got
    """)


@compiled_only
@pytest.mark.parametrize("byte", [0x00, 0x01, 0xA5, 0xFF])
def test_contents_of_reused_chunks_do_not_matter(byte: int) -> None:
    run(
        """
        framecache.install()
        byte = int(sys.argv[1])
        sys.setrecursionlimit(5000)

        def numbers(n):
            for i in range(n):
                yield i, sys._getframe().f_lineno > 0

        def deep(n):
            return 1 + deep(n - 1) if n else 0

        def varied(a, b=2, *c, d=4, **e):
            unset: int
            try:
                unset
            except UnboundLocalError:
                pass
            def inner():
                return a + b + d
            class Local:
                value = inner()
            try:
                raise KeyError(a)
            except KeyError as error:
                kept.append(error)
            result = Local.value + sum(i for i, ok in numbers(50) if ok) + deep(1500) + len(locals())
            getcurrent().parent.switch()
            return result + sum(c) + sum(e.values())

        def one_round():
            kept.clear()
            made = [greenlet(varied) for _ in range(200)]
            for i, one in enumerate(made):
                one.switch(i, 2, 5, 6, x=7)
            random.Random(2).shuffle(made)
            answers = sorted(one.switch() for one in made)
            thread = threading.Thread(target=varied_thread)
            thread.start()
            thread.join()
            return answers, [len(error.__traceback__.tb_frame.f_locals) for error in kept]

        def varied_thread():
            assert deep(1500) == 1500

        kept = []
        expected = one_round()
        for _ in range(3):
            kept.clear()
            gc.collect()
            assert framecache.fill_free(byte) > 200
            assert one_round() == expected
        """,
        str(byte),
    )


@compiled_only
def test_a_parked_greenlet_touches_one_page() -> None:
    run("""
        framecache.install()
        warm = parked(64)
        gc.collect()
        mapped, before = stats()["slabs_mapped"], rss()
        made = parked(20000)
        each = (rss() - before) / len(made)
        # greenlet's own objects and its saved C stack take 2 KiB; a second page, or huge pages, take 4 KiB more.
        assert each < 8192, each
        # Every slab but the last is full.
        assert stats()["slabs_mapped"] - mapped <= 20000 // 64 + 1
    """)


# -- threads, interpreters, forks


@compiled_only
def test_greenlets_of_many_threads_die_in_any_order() -> None:
    run("""
        framecache.install()
        results = []

        def recurse(n):
            getcurrent().parent.switch() if n == 0 else recurse(n - 1)
            return n

        def body():
            recurse(rng.randrange(60))
            recurse(rng.randrange(60))

        rng = random.Random(3)

        def thread_main(seed):
            mine = parked(150, body)
            random.Random(seed).shuffle(mine)
            everyones.append(mine)
            barrier.wait()
            for one in mine[:50]:
                one.switch()
            for one in mine[50:100]:
                while not one.dead:
                    one.switch()
            # The others die while they are parked: some with this thread, some when another thread drops the last
            # reference.
            others.append(mine[100:125])
            del mine[100:]
            results.append(seed)

        for round in range(3):
            everyones, others, barrier = [], [], threading.Barrier(8)
            threads = [threading.Thread(target=thread_main, args=(i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            rng.shuffle(others)
            others.clear()
            everyones.clear()
            gc.collect()
        # When this thread's greenlets switch next, greenlet deletes greenlets that died in another thread.
        greenlet(lambda: None).switch()
        gc.collect()
        got = stats()
        assert len(results) == 24
        assert got["allocations"] >= 3 * 8 * 150
        # greenlet reaps greenlets that a dead thread left parked, and may keep a few forever.
        assert got["chunks_in_use"] <= 3 * 8 * 100, got
        assert got["chunks_free"] * CHUNK <= got["limit_bytes"]
        framecache.fill_free(0xEE)
        parked(500)
    """)


@compiled_only
def test_thread_ends_return_their_chunks() -> None:
    run("""
        framecache.install()
        for _ in range(20):
            threads = [threading.Thread(target=sum, args=([1, 2],)) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        deadline = time.monotonic() + 20
        # join() returns a little before the thread state is deleted.
        while stats()["chunks_in_use"] and time.monotonic() < deadline:
            time.sleep(0.01)
        got = stats()
        assert got["allocations"] >= 400 and got["chunks_in_use"] == 0, got
    """)


@compiled_only
def test_fork_while_threads_allocate_and_free() -> None:
    run("""
        framecache.install()
        framecache.set_limit(32 * CHUNK)
        stop = False
        rounds = [0] * 4

        def thread_main(number):
            while not stop:
                for one in parked(80):
                    one.switch()
                rounds[number] += 1

        threads = [threading.Thread(target=thread_main, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for i in range(30):
            child = os.fork()
            if child == 0:
                try:
                    for one in parked(200):
                        one.switch()
                    more = threading.Thread(target=parked, args=(10,))
                    more.start()
                    more.join()
                    framecache.set_limit(0)
                    got = stats()
                    grandchild = os.fork()
                    if grandchild == 0:
                        os._exit(0 if parked(5) else 1)
                    fine = os.waitpid(grandchild, 0)[1] == 0 and got["chunks_free"] == 0
                    os._exit(0 if fine else 2)
                except BaseException as error:
                    print(error, file=sys.stderr, flush=True)
                    os._exit(3)
            deadline = time.monotonic() + 30
            while True:
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > deadline:
                    os.kill(child, 9)
                    sys.exit(f"child {i} hangs")
                time.sleep(0.001)
            assert status == 0, (i, status)
        stop = True
        for thread in threads:
            thread.join()
        assert all(rounds), rounds
        assert stats()["chunks_free"] <= 32
    """)


INTERPRETER_SOURCE = """
import _thread, time

def deep(n):
    return 1 + deep(n - 1) if n else 0

def work():
    for depth in range(150):
        assert deep(depth * 6) == depth * 6
    ended.append(1)

ended = []
for _ in range(30):
    _thread.start_new_thread(work, ())
    for depth in (900, 1, 700, 300):
        assert deep(depth) == depth
while len(ended) < 30:
    time.sleep(0.001)
"""


@compiled_only
@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 all interpreters share one GIL")
def test_interpreters_with_their_own_gil() -> None:
    run(
        """
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters
        framecache.install()
        framecache.set_limit(40 * CHUNK)

        source = sys.argv[1]
        failed = []

        def thread_main():
            for _ in range(2):
                one = interpreters.create()
                try:
                    if (error := interpreters.run_string(one, source)) is not None:
                        failed.append(error)
                except BaseException as error:
                    failed.append(error)
                finally:
                    interpreters.destroy(one)

        threads = [threading.Thread(target=thread_main) for _ in range(3)]
        for thread in threads:
            thread.start()
        turns = 0
        while any(thread.is_alive() for thread in threads):
            for one in parked(100):
                one.switch()
            turns += 1
        for thread in threads:
            thread.join()
        got = stats()
        assert not failed, failed
        assert turns and got["allocations"] > 6 * 30 + turns * 100, (turns, got)
        assert got["chunks_free"] <= 40
    """,
        INTERPRETER_SOURCE,
    )


@compiled_only
def test_threads_without_the_gil(helper: str) -> None:
    run(
        """
        framecache.install()
        library = ctypes.CDLL(sys.argv[1])
        arena = current_arena()
        for limit in (0, 300 * CHUNK, 64 << 20):
            framecache.set_limit(limit)
            assert library.stress(ctypes.byref(arena), 6, 30000) == 0
            got = stats()
            assert got["chunks_in_use"] == 0 and got["chunks_free"] * CHUNK <= limit, got
        """,
        helper,
    )


@compiled_only
def test_fork_in_the_middle_of_a_change(helper: str) -> None:
    run(
        """
        framecache.install()
        framecache.set_limit(200 * CHUNK)
        library = ctypes.CDLL(sys.argv[1])
        arena = current_arena()
        errors = []
        stop = False

        def thread_main():
            while not stop:
                errors.append(library.stress(ctypes.byref(arena), 6, 50_000))

        # ctypes releases the GIL, so that six C threads are inside the allocator while this thread forks.
        thread = threading.Thread(target=thread_main)
        thread.start()
        for _ in range(60):
            child = os.fork()
            if child == 0:
                # Not faulthandler's watchdog: to start again, it waits for its thread, which the child does not have.
                signal.alarm(20)
                for one in parked(300):
                    one.switch()
                framecache.set_limit(0)
                os._exit(0 if stats()["chunks_free"] == 0 else 1)
            status = os.waitpid(child, 0)[1]
            if status:
                break
        stop = True
        thread.join()
        assert status == 0, status
        assert errors and not any(errors), errors
        """,
        helper,
    )


# -- limits


@compiled_only
def test_kept_memory_stays_below_the_limit() -> None:
    run("""
        framecache.install()
        framecache.set_limit(8 << 20)
        made = parked(4000)
        for one in made:
            one.switch()
        got = stats()
        assert got["chunks_free"] * CHUNK <= 8 << 20 and got["chunks_in_use"] == 0, got
        assert got["slabs_unmapped"] >= 4000 // 64 - (8 << 20) // SLAB - 1, got
        assert got["chunks_free"] >= 448, got
        assert framecache.fill_free(7) == got["chunks_free"]
    """)


@compiled_only
def test_set_limit_trims_at_once() -> None:
    run("""
        framecache.install()
        for one in parked(4000):
            one.switch()
        del one
        gc.collect()
        kept = framecache.fill_free(1) * CHUNK
        assert kept > 60 << 20
        full = rss()
        framecache.set_limit(16 << 20)
        assert stats()["chunks_free"] * CHUNK <= 16 << 20
        assert full - rss() > (kept - (16 << 20)) * 0.9
        framecache.set_limit(0)
        got = stats()
        assert got["chunks_free"] == got["chunks_blank"] == 0 and got["slabs_mapped"] == got["slabs_unmapped"]
        assert full - rss() > kept * 0.9
        # 0 keeps nothing and still works. So does a number beyond any memory.
        parked(100)
        assert stats()["chunks_free"] == 0
        framecache.set_limit(1 << 80)
        assert stats()["limit_bytes"] == (1 << 63) - 1
        parked(100)
        assert stats()["chunks_free"] > 0
    """)


@compiled_only
def test_slabs_pinned_by_survivors_give_memory_back() -> None:
    run("""
        framecache.install()
        framecache.set_limit(2 << 20)
        made = parked(6400)
        # One survivor in each slab: no slab can be unmapped.
        survivors = made[::64]
        for i, one in enumerate(made):
            if i % 64:
                one.switch()
        del made, one
        got = stats()
        assert got["chunks_in_use"] == 100 and got["slabs_unmapped"] == 0, got
        assert got["chunks_free"] * CHUNK <= 2 << 20, got
        assert got["chunks_purged"] >= 6300 - 128, got
        # Purged chunks can be used again, and the survivors continue.
        again = parked(3000)
        assert stats()["slabs_mapped"] == got["slabs_mapped"]
        for one in again + survivors:
            one.switch()
            assert one.dead
        del again, survivors, one
        got = stats()
        assert got["chunks_in_use"] == 0 and got["chunks_free"] * CHUNK <= 2 << 20
        assert got["slabs_mapped"] - got["slabs_unmapped"] <= 100
        framecache.set_limit(0)
        got = stats()
        assert got["slabs_mapped"] == got["slabs_unmapped"] and got["chunks_free"] == 0, got
    """)


@compiled_only
def test_slabs_take_no_huge_pages() -> None:
    if not Path("/sys/kernel/mm/transparent_hugepage").exists():
        pytest.skip("this kernel has no transparent huge pages")
    run("""
        framecache.install()
        address, found = direct()[0](CHUNK), False
        with open("/proc/self/smaps") as file:
            for line in file:
                words = line.split()
                if "-" in words[0]:
                    low, high = (int(bound, 16) for bound in words[0].split("-"))
                    found = low <= address < high
                elif found and words[0] == "VmFlags:":
                    assert "nh" in words, line
                    sys.exit(0)
        sys.exit("the slab is in no mapping")
    """)


@compiled_only
def test_no_address_space_for_a_slab() -> None:
    run("""
        import resource
        framecache.install()
        alloc, free = direct()
        addresses = [alloc(CHUNK) for _ in range(64)]
        assert stats()["chunks_blank"] == 0 and None not in addresses
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        gc.disable()
        before = stats()["passed_on"]
        resource.setrlimit(resource.RLIMIT_AS, (size + SLAB // 2, resource.RLIM_INFINITY))
        scarce = [alloc(CHUNK) for _ in range(4)]
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        after = stats()
        assert None not in scarce and after["passed_on"] == before + 4 and after["slabs_mapped"] == 1, after
        for address in scarce + addresses:
            ctypes.memset(address, 1, CHUNK)
            free(address, CHUNK)
        assert stats()["chunks_free"] == 64 and stats()["chunks_in_use"] == 0
    """)


# -- other allocators

# Functions of libc as the allocator of other code: calloc(ctx=1, size) and labs(ctx), which frees nothing.
FOREIGN = """
libc = ctypes.CDLL(None)
foreign = Arena(
    1, ctypes.cast(libc.calloc, ctypes.c_void_p).value, ctypes.cast(libc.labs, ctypes.c_void_p).value
)
"""


@compiled_only
def test_other_sizes_go_to_the_allocator_below() -> None:
    run(
        FOREIGN
        + textwrap.dedent("""
        set_arena(foreign)
        framecache.install()
        assert current_arena().key() != foreign.key()
        alloc, free = direct()
        start = stats()
        sizes = (1, 4096, CHUNK - 8, CHUNK + 8, 2 * CHUNK, 256 << 10, SLAB)
        for size in sizes:
            address = alloc(size)
            # This is the work of calloc.
            assert ctypes.string_at(address, size) == bytes(size)
            free(address, size)
        # At least: the interpreter may also have requested an arena.
        assert stats()["passed_on"] >= start["passed_on"] + len(sizes)
        assert stats()["allocations"] == start["allocations"]
        address = alloc(CHUNK)
        assert address % CHUNK == 0 and stats()["allocations"] == start["allocations"] + 1
        free(address, CHUNK)
        """)
    )


@compiled_only
def test_wrapped_later(helper: str) -> None:
    run(
        """
        library = ctypes.CDLL(sys.argv[1])
        framecache.install()
        early = parked(50)
        arena = current_arena()
        library.wrap(ctypes.byref(arena))
        set_arena(arena)
        # On top of the wrapper, the cache would forward to the wrapper, and the wrapper to the cache, without end.
        assert framecache.install() and current_arena().key() == arena.key()
        late = parked(50)
        for one in early + late:
            one.switch()
        assert library.counted(0) >= 50 and library.counted(1) >= 100
        assert stats()["chunks_in_use"] == 0 and stats()["chunks_free"] == 100
        assert direct()[0](3 * CHUNK)
        """,
        helper,
    )


@compiled_only
def test_taken_out_and_put_back() -> None:
    run(
        FOREIGN
        + textwrap.dedent("""
        original = current_arena()
        framecache.install()
        ours = current_arena()
        made = parked(100)
        set_arena(original)
        # The original allocator unmaps chunks of ours. Our cache never allocates these addresses again.
        for one in made[:50]:
            one.switch()
        between = parked(100)
        assert framecache.install() and current_arena().key() == ours.key()
        for one in made[50:] + between:
            one.switch()
        for one in parked(300):
            one.switch()
        assert stats()["chunks_in_use"] <= 50
        framecache.set_limit(0)
        # Another allocator stays: its behaviour below an allocator on top of it is unknown.
        set_arena(foreign)
        assert framecache.install() and current_arena().key() == foreign.key()
        set_arena(ours)
        """)
    )


@compiled_only
def test_foreign_mapping_in_a_hole_of_a_slab() -> None:
    run("""
        original = current_arena()
        framecache.install()
        ours = current_arena()
        alloc, free = direct()
        first, second = sorted(alloc(CHUNK) for _ in range(2))
        assert second == first + CHUNK
        set_arena(original)
        below_free = direct()[1]
        below_free(first, 2 * CHUNK)
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        private_anonymous_fixed = 0x02 | 0x20 | 0x10
        middle = libc.mmap(
            ctypes.c_void_p(first + CHUNK // 2), ctypes.c_size_t(CHUNK), 3, private_anonymous_fixed, -1,
            ctypes.c_long(0)
        )
        assert middle == first + CHUNK // 2
        set_arena(ours)
        before = stats()
        free(middle, CHUNK)
        assert stats() == before
        with open("/proc/self/maps") as file:
            assert not any(line.startswith(f"{middle:x}-") for line in file)
    """)


@compiled_only
def test_second_free_changes_nothing() -> None:
    run("""
        framecache.install()
        framecache.set_limit(2 * CHUNK)
        alloc, free = direct()
        chunks = [alloc(CHUNK) for _ in range(3)]
        free(chunks[0], CHUNK)
        before = stats()
        for _ in range(5):
            free(chunks[0], CHUNK)
        assert stats() == before
        free(chunks[1], CHUNK)
        free(chunks[2], CHUNK)
        assert stats()["chunks_in_use"] == stats()["chunks_free"] == 0
    """)


# -- root chunks, the first chunks of greenrt's greenlets

SPAWNING = """
import greenrt
greenrt.get_hub()

def roots():
    return framecache.statistics(roots=True)

def waiting(count, gate):
    made = [greenrt.spawn(wait_at, gate) for _ in range(count)]
    greenrt.sleep(0)
    return made

def wait_at(gate):
    gate.wait()
    return sys._getframe().f_lineno > 0

"""


def run_spawning(script: str, *arguments: str, **environment: str) -> None:
    run(SPAWNING + textwrap.dedent(script), *arguments, **environment)


@compiled_only
def test_greenlets_begin_with_a_root_chunk() -> None:
    run_spawning("""
        gate = greenrt.Event()
        # The hub has a frame too.
        greenrt.sleep(0.001)
        whole = stats()["allocations"]
        made = waiting(1000, gate)
        assert roots()["chunks_in_use"] == 1000 and roots()["slabs_mapped"] == 16
        assert stats()["allocations"] == whole
        gate.set()
        assert greenrt.joinall(made) == made and all(one.value for one in made)
        assert roots()["chunks_in_use"] == 0
        hits = roots()["hits"]
        greenrt.spawn_raw(wait_at, gate)
        greenrt.joinall(waiting(1000, gate))
        assert roots()["hits"] == hits + 1001 and roots()["slabs_mapped"] == 16
    """)


@compiled_only
def test_two_parked_greenlets_share_a_page() -> None:
    run_spawning("""
        gate = greenrt.Event()
        warm = waiting(64, gate)
        gc.collect()
        before = rss()
        made = waiting(20000, gate)
        each = (rss() - before) / len(made)
        # With a page for each it would be 7100 bytes.
        assert each < 6300, each
        gate.set()
        greenrt.joinall(warm + made)
    """)


@compiled_only
@pytest.mark.parametrize("byte", [0x00, 0xA5, 0xFF])
def test_frames_beyond_the_root_chunk(byte: int) -> None:
    run_spawning(
        """
        sys.setrecursionlimit(5000)
        byte = int(sys.argv[1])

        def leaf(n):
            a, b, c = n, [n], str(n)
            return (a, b, c) == (n, [n], str(n))

        def deep(n, most):
            a, b, c, d = n, str(n), [n], None
            # At every depth: calls that fit and calls that don't, and a switch.
            assert all([leaf(i) for i in range(5)])
            greenrt.sleep(0)
            result = deep(n + 1, most) + 1 if n < most else 0
            assert (a, b, c, d) == (n, str(n), [n], None)
            assert leaf(n)
            return result

        for _ in range(3):
            made = [greenrt.spawn(deep, 0, most) for most in [*range(60), 400, 1500]]
            killed = [greenrt.spawn(deep, 0, most) for most in range(60)]
            for _ in range(20):
                greenrt.sleep(0)
            greenrt.killall(killed)
            greenrt.joinall(made)
            assert [one.get() for one in made] == [*range(60), 400, 1500]
            assert roots()["chunks_in_use"] == 0
            del made, killed
            gc.collect()
            assert framecache.fill_free(byte) > 60
        """,
        str(byte),
    )


@compiled_only
def test_roots_pinned_by_survivors_give_memory_back() -> None:
    run_spawning("""
        framecache.set_limit(256 << 10)
        odd, even = greenrt.Event(), greenrt.Event()
        made = [greenrt.spawn(wait_at, odd if i % 64 else even) for i in range(6400)]
        greenrt.sleep(0)
        odd.set()
        greenrt.joinall([one for i, one in enumerate(made) if i % 64])
        got = roots()
        assert got["chunks_in_use"] == 100 and got["slabs_unmapped"] == 0, got
        assert got["chunks_purged"] >= 6300 - 128, got
        assert (got["chunks_free"] * 2048 + stats()["chunks_free"] * CHUNK) <= 256 << 10
        # Purged chunks can be used again, and the frames of the survivors are intact.
        odd.clear()
        again = waiting(3000, odd)
        assert roots()["slabs_mapped"] == got["slabs_mapped"]
        even.set(), odd.set()
        assert all(one.get() for one in made[::64] + again)
        framecache.set_limit(0)
        got = roots()
        assert got["slabs_mapped"] == got["slabs_unmapped"] and got["chunks_free"] == 0, got
    """)


@compiled_only
def test_the_pool_that_keeps_more_is_trimmed() -> None:
    run_spawning("""
        gate = greenrt.Event()
        greenlets = waiting(1000, gate)
        gate.set()
        greenrt.joinall(greenlets)
        for one in parked(64):
            one.switch()
        assert roots()["chunks_free"] == 1000 and stats()["chunks_free"] >= 64
        framecache.set_limit(1 << 20)
        # A megabyte of whole chunks goes first; then the roots within the rest of the limit stay.
        assert roots()["chunks_free"] * 2048 + stats()["chunks_free"] * CHUNK <= 1 << 20
        assert roots()["chunks_free"] + stats()["chunks_free"] > 0
    """)


@compiled_only
def test_no_roots_beside_a_foreign_allocator(helper: str) -> None:
    """An allocator that does not know root chunks would unmap the page that two greenlets share."""
    run_spawning(
        """
        library = ctypes.CDLL(sys.argv[1])
        arena = current_arena()
        library.wrap(ctypes.byref(arena))
        set_arena(arena)
        gate = greenrt.Event()
        before = roots()["allocations"]
        made = waiting(10, gate)
        assert roots()["allocations"] == before and stats()["chunks_in_use"] >= 10
        gate.set()
        greenrt.joinall(made)
        """,
        helper,
    )


@compiled_only
def test_no_roots_without_the_cache() -> None:
    run_spawning(
        """
        gate = greenrt.Event()
        made = waiting(10, gate)
        gate.set()
        greenrt.joinall(made)
        assert roots()["allocations"] == 0
        """,
        GREENRT_FRAME_CACHE="0",
    )
