"""Everything that must hold, in stages, as many at a time as keep the processors busy; a table of them comes last.

Builds come first: they use all processors, where suites mostly wait for sockets, children and clocks. A stage starts
when those that it is `after` have ended and those that it `needs` have succeeded. What cannot run here (an
interpreter that is not there and cannot be downloaded, and all that needs it) is NOT RUN, loudly, and no failure.

At the end, when the machine is quiet, tests that have failed are tried once more, if they are few. One that passes
then is UNSTEADY: the table and the last lines name it, since it is a defect of the test or of greenrt, to be mended.

The budget is 45 minutes on two processors.
"""

import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from interpreters import interpreters

# Seconds after which a stage counts as hanging.
LIMIT = 1500
PROCESSORS = os.cpu_count() or 2
# Processes of a whole suite: together they keep the processors busy, and tests mostly wait. Other stages have two.
SUITE_JOBS = 4
JOBS = 2
# So many tests of the suites may be unsteady. More of them are a failure.
UNSTEADY = 2
COMPILED = ["3.11", "3.14", "3.15"]
# Also as plain Python.
PLAIN = ["3.14"]
# Of these two only the layers that touch the interpreter's internals.
LAYERS_ONLY = ["3.12", "3.13"]
# The same layers, with the interpreter's JIT.
WITH_JIT = ["3.15"]
# The environment of real programs and of the benchmarks' rivals.
PROGRAMS = "programs"
LAYERS = "tests/native tests/loop tests/hub tests/sync tests/green"
# Those that Debian's unstable suite has.
DOWNLOADABLE = {"3.14", "3.15"}

# CPython's own tests of what is patched. `make test-stdlib` runs more modules, for half an hour.
STDLIB = (
    "test_epoll test_file test_fileio test_fork1 test_io test_poll test_queue test_select test_selectors test_signal"
    " test_socket test_ssl test_subprocess test_thread test_threading test_threading_local test_time test_timeout"
)

# gevent's own tests over greenrt. `make test-compat` runs all files, for a quarter of an hour.
GEVENT = (
    "test__event test__events test__greenlet test__greenletset test__hub_join test__iwait test__joinall test__local"
    " test__lock test__monkey_queue test__order test__os test__pool test__queue test__select test__semaphore"
    " test__timeout"
)
# The same of eventlet's.
EVENTLET = (
    "db_pool_test event_test greenpool_test greenthread_test pools_test queue_test semaphore_test thread_test"
    " timeout_test"
)

# What tests/real and the tests of Celery's pool talk to. Tests whose server is missing are skipped, with its name.
SERVERS = (
    "default-jre-headless mariadb-server nginx-light openssh-server postgresql rabbitmq-server redis-server systemd"
    " zookeeper"
)
# The checks of installing compile what the builds have compiled.
PACKAGES = f"ccache {SERVERS}"
INSTALL_PACKAGES = (
    "DEBIAN_FRONTEND=noninteractive timeout 150 sh -c "
    f"'apt-get -qq update && apt-get -qq install -y --no-install-recommends {PACKAGES}' >build/packages.log 2>&1"
    " || { tail -n 3 build/packages.log; exit 1; }"
)


def use_caches() -> None:
    """Let compilers be ccache's, where there are any, and Cython keep its translations, both in this checkout."""
    os.environ["CYTHON_CACHE_DIR"] = f"{os.getcwd()}/build/cython-cache"
    os.environ["PATH"] = f"/usr/lib/ccache:{os.environ['PATH']}"
    os.environ["CCACHE_DIR"] = f"{os.getcwd()}/build/ccache"
    # A build in a temporary folder is the same build.
    os.environ["CCACHE_NOHASHDIR"] = "1"


def use_uv() -> None:
    """Let uv fill the environments (see the Makefile), if pip can fetch it and it reaches the package index."""
    home = Path.cwd() / "build/uv"
    os.environ["UV_CACHE_DIR"] = f"{home}/cache"
    fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--target", home, "uv"]
    attempt = [home / "bin/uv", "pip", "install", "--quiet", "--target", home / "attempt", "iniconfig"]
    try:
        works = all(
            subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0 for command in (fetch, attempt)
        )
    except OSError:
        # pip has brought a package without this program.
        works = False
    if works:
        os.environ["PATH"] = f"{home}/bin:{os.environ['PATH']}"
    else:
        print("uv cannot be used here: pip fills the environments, for ten times as long", flush=True)


# Lines of pytest's summary. Tests' logs have lines with ERROR and several blanks.
SUMMARY = re.compile(r"^(?:FAILED|ERROR) (?P<test>\S+\.py\b\S*).*$", re.MULTILINE)
# What pytest prints if it ends before its last test.
INTERRUPTED = re.compile("^(?:!!!!|INTERNALERROR)", re.MULTILINE)


@dataclass
class Stage:
    name: str
    command: str
    # Names of stages.
    needs: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    # Whether the machine may lack what it takes.
    optional: bool = False
    # The command that runs only the tests that have failed; empty for stages without tests.
    again: str = ""
    # How many processors it keeps busy, on average.
    load: float = 1.0
    result: str = ""
    seconds: float = 0.0
    processor_seconds: float = 0.0
    log: Path = Path(os.devnull)

    @property
    def failed(self) -> bool:
        return self.result.startswith("FAILED")

    def failed_tests(self) -> list[str]:
        """Return the tests that pytest's summary names; none if pytest did not run all tests."""
        text = self.log.read_text(errors="replace")
        return [] if INTERRUPTED.search(text) else [found["test"] for found in SUMMARY.finditer(text)]


def stages() -> Iterator[Stage]:
    python, present = {}, interpreters()
    sudo = "" if os.getuid() == 0 else "sudo -n "
    yield Stage("Debian's packages", f"mkdir -p build && {sudo}{INSTALL_PACKAGES}", optional=True)
    for version in sorted([*COMPILED, *LAYERS_ONLY]):
        found = present.get(version)
        python[version] = shlex.quote(
            found or f"{os.getcwd()}/build/pythons/{version}/usr/bin/python{version}"
        )
        if found:
            command = "true"
        elif version in DOWNLOADABLE:
            command = f".ci/newer-python {version} build/pythons/{version}"
        else:
            command = f"echo 'no CPython {version} on this machine' && false"
        yield Stage(f"CPython {version}", command, optional=True)

    main = COMPILED[0]
    yield Stage("lint", f"make lint PYTHON={python[main]}")
    yield Stage("types", f"make types PYTHON={python[main]}", after=["lint"])
    yield Stage("documentation", f"make docs PYTHON={python[main]}")
    settings = {
        version: f"PYTHON={path} VENV=.venv-{version} PURE=.venv-pure-{version}"
        for version, path in python.items()
    }
    # These programs bring gevent and other packages, which the other suites must not see.
    settings[PROGRAMS] = f"PYTHON={python[main]} VENV=.venv-{PROGRAMS}"
    # One after the other: they share the C sources and the folder of the wheel. Environments are made beside.
    builds = ["Debian's packages"]
    for version in [*COMPILED, *LAYERS_ONLY]:
        pure = f".venv-pure-{version}/made-{version}" if version in PLAIN else ""
        make = f"make .venv-{version}/made-{version} {pure} {settings[version]}"
        yield Stage(f"environment {version}", make, needs=[f"CPython {version}"], load=0.5)
    make = f"make .venv-{PROGRAMS}/real .venv-{PROGRAMS}/bench {settings[PROGRAMS]}"
    yield Stage(f"environment {PROGRAMS}", make, needs=[f"CPython {main}"], load=0.5)
    for version in [*COMPILED, *LAYERS_ONLY]:
        make = f"make build {'build-pure' if version in PLAIN else ''} {settings[version]}"
        yield Stage(f"build {version}", make, [f"environment {version}"], builds[-1:], load=PROCESSORS - 0.5)
        builds.append(f"build {version}")
    make = f"make build {settings[PROGRAMS]}"
    yield Stage(f"build {PROGRAMS}", make, [f"environment {PROGRAMS}"], builds[-1:], load=PROCESSORS - 0.5)
    builds.append(f"build {PROGRAMS}")

    def built(name: str, version: str, target: str, load: float = 1.0) -> Stage:
        command = f"make {target} {settings[version]}"
        return Stage(name, command, needs=[f"build {version}"], after=builds, load=load)

    def suite(
        name: str,
        version: str,
        target: str,
        args: str = "",
        variables: str = "",
        load: float = 0.5,
        jobs: int = JOBS,
    ) -> Stage:
        folder = re.sub("[^a-z0-9.]+", "-", name.lower())
        cache = f"-o cache_dir=build/cache/{folder}"
        stage = built(name, version, f"{target} JOBS={jobs} ARGS='{args} {cache}'", load)
        stage.command = f"{variables} {stage.command}".lstrip()
        only = f"--last-failed --last-failed-no-failures=none {cache}"
        again = f"make {target} ARGS='{only}' {settings[version]} JOBS=0"
        stage.again = f"{variables} {again}".lstrip()
        return stage

    # What takes longest starts first. Beside a whole suite there is room for what mostly waits.
    whole = {"load": 1.5, "jobs": SUITE_JOBS}
    for version in PLAIN:
        yield suite(f"suite {version} plain, coverage", version, "coverage", **whole)
    for version in COMPILED:
        yield suite(f"suite {version} compiled", version, "test", "--durations=20", **whole)
    yield built(f"installs {LAYERS_ONLY[-1]}", LAYERS_ONLY[-1], "install-check", load=0.8)
    for version in LAYERS_ONLY[:-1]:
        # The rest is the same with every interpreter.
        yield built(
            f"installs {version}", version, "install-check ARGS=tests/install/test_install.py", load=0.8
        )
    yield suite("stress, boxed", main, "stress STRESS_SECONDS=2")
    for version in COMPILED:
        yield suite(f"CPython's tests {version}", version, f"test-stdlib MODULES='{STDLIB}'", load=0.25)
    yield suite("gevent's, eventlet's tests", main, f"test-compat FILES='{GEVENT} {EVENTLET}'")
    yield suite("real programs", PROGRAMS, "test-real")
    for version in LAYERS_ONLY:
        yield suite(f"layers {version} compiled", version, "test", LAYERS, load=0.8)
    for version in WITH_JIT:
        yield suite(f"layers {version} with the JIT", version, "test", LAYERS, "PYTHON_JIT=1", load=0.8)
    yield built("demo", main, "demo ARGS=--quick")
    yield built("benchmarks, smoke", PROGRAMS, "bench ARGS='--smoke --rivals greenrt,gevent,c'")


def run(stage: Stage, logs: Path) -> None:
    """Run the stage's command; set its result, times and log."""
    stage.log = logs / stage.name.replace("/", "-")
    began = time.monotonic()
    with stage.log.open("w") as log:
        process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", stage.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        hanging = threading.Timer(LIMIT, os.killpg, (process.pid, signal.SIGKILL))
        hanging.start()
        _, status, usage = os.wait4(process.pid, 0)
        hanging.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    stage.seconds = time.monotonic() - began
    stage.processor_seconds = usage.ru_utime + usage.ru_stime
    if process.returncode == 0:
        stage.result = "ok"
    elif stage.optional:
        stage.result = "NOT RUN: see its output"
    else:
        killed = process.returncode == -signal.SIGKILL
        stage.result = f"FAILED: no end within {LIMIT} s" if killed else "FAILED"


class Gate:
    """Runs stages, as many at once as keep the processors busy."""

    def __init__(self, stages: list[Stage], logs: Path) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.logs = logs
        self.waiting = list(stages)
        self.running: list[Stage] = []
        self.changed = threading.Condition()

    def run(self) -> None:
        with self.changed:
            while self.waiting or self.running:
                before = len(self.waiting)
                stage = self._next()
                if stage is not None:
                    self.waiting.remove(stage)
                    self.running.append(stage)
                    threading.Thread(target=self._run, args=(stage,)).start()
                elif self.running:
                    self.changed.wait()
                elif len(self.waiting) == before:
                    names = ", ".join(stage.name for stage in self.waiting)
                    raise ValueError(
                        f"stages that wait for each other, or for one that there is not: {names}"
                    )

    def _next(self) -> Stage | None:
        """Return the first stage that can start; settle those that never will."""
        for stage in list(self.waiting):
            needed = [self.stages[name] for name in stage.needs]
            missing = next((other for other in needed if other.result not in ("", "ok")), None)
            if missing is not None:
                stage.result = f"NOT RUN: {missing.name}: {missing.result.partition(':')[0]}"
                self.waiting.remove(stage)
            elif self._has_room(stage) and all(
                self.stages[name].result for name in [*stage.needs, *stage.after]
            ):
                return stage
        return None

    def _has_room(self, stage: Stage) -> bool:
        return not self.running or sum(other.load for other in self.running) + stage.load <= PROCESSORS

    def _run(self, stage: Stage) -> None:
        run(stage, self.logs)
        with self.changed:
            print(f"\n=== {stage.name}: {stage.command}", flush=True)
            sys.stdout.write(stage.log.read_text(errors="replace"))
            print(f"=== {stage.name}: {stage.result}, {stage.seconds:.0f} s", flush=True)
            self.running.remove(stage)
            self.changed.notify()

    def try_again(self) -> list[str]:
        """Run the few tests that have failed once more; return those that pass now."""
        failed = [stage for stage in self.stages.values() if stage.failed and stage.again]
        tests = {stage.name: stage.failed_tests() for stage in failed}
        unsteady: list[str] = []
        if sum(map(len, tests.values())) > UNSTEADY:
            return unsteady
        for stage in failed:
            names = tests[stage.name]
            # Without a name, the suite itself did not end, or not all of it has run.
            if not names:
                continue
            again = Stage(f"{stage.name}, again", stage.again)
            run(again, self.logs)
            sys.stdout.write(again.log.read_text(errors="replace"))
            if again.result == "ok":
                stage.result = f"UNSTEADY: {', '.join(names)}"
                unsteady += [f"{stage.name}: {name}" for name in names]
        return unsteady


def main() -> int:
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    use_caches()
    use_uv()
    with tempfile.TemporaryDirectory() as logs:
        gate = Gate(list(stages()), Path(logs))
        gate.run()
        unsteady = gate.try_again()
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        computed = spent.ru_utime + spent.ru_stime
        print(f"\n=== summary: {time.monotonic() - BEGAN:.0f} s in all, {computed:.0f} s of processor time")
        print(f"{'stage':<28} {'seconds':>7} {'processor':>9}  result")
        for stage in gate.stages.values():
            print(f"{stage.name:<28} {stage.seconds:7.0f} {stage.processor_seconds:9.0f}  {stage.result}")
        for test in unsteady:
            print(f"UNSTEADY: it failed, and passed alone at the end; mend it: {test}")
        failed = [stage for stage in gate.stages.values() if stage.failed]
        # A log may be read from its end: what failed comes last.
        for stage in failed:
            text = stage.log.read_text(errors="replace")
            print(f"\n=== the end of what failed: {stage.name}")
            print("\n".join(line[:300] for line in text.splitlines()[-60:]))
            print("\n".join(found[0][:300] for found in SUMMARY.finditer(text)))
    return 1 if failed else 0


BEGAN = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
