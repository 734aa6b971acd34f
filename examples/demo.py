"""Run one unmodified blocking program with native threads and under greenrt, and print the cost of each run.

    python examples/demo.py

A local server, in a process of its own, answers each request after a delay. download_all.py, which does not know
greenrt, fetches the same pages three times: with few native threads, with many, and with as many green ones.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "download_all.py"
SERVER = HERE / "slow_server.py"

SPARE_FILES = 64  # descriptors of the program besides one socket for each worker
SAMPLE_INTERVAL = 0.01  # seconds
HEADINGS = ("", "time", "native threads", "peak memory", "context switches", "CPU time")


class DemoError(Exception):
    """The demo can't continue; the text says why."""


@dataclass
class Run:
    """The output and the cost of one run of the program."""

    name: str
    summary: str
    exit_code: int
    seconds: float
    threads: int
    usage: resource.struct_rusage

    @property
    def switches(self) -> int:
        return self.usage.ru_nvcsw + self.usage.ru_nivcsw

    @property
    def cpu_seconds(self) -> float:
        return self.usage.ru_utime + self.usage.ru_stime

    @property
    def memory_mib(self) -> float:
        # The kernel passes its parent's peak to a child across exec. The demo's own peak is below that of any
        # measured program.
        return self.usage.ru_maxrss / 1024

    def cells(self) -> tuple[str, ...]:
        return (
            self.name,
            f"{self.seconds:.1f} s",
            f"{self.threads}",
            f"{self.memory_mib:.1f} MiB",
            f"{self.switches:,}",
            f"{self.cpu_seconds:.1f} s",
        )


def native_threads(pid: int) -> int:
    """Return the current number of native threads of a process, or 0 after its end."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in status.splitlines():
        if line.startswith("Threads:"):
            return int(line.split()[1])
    return 0  # a zombie shows no threads


def measure(name: str, command: Sequence[str], environ: dict[str, str]) -> Run:
    """Run the command to its end and return its cost; its progress bar is drawn on this process's stderr."""
    print(f"{name}: {' '.join(command)}", flush=True)
    # A file needs no reader while the program runs; a pipe could become full.
    with tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=output, env=environ)
        threads = 0
        try:
            # Only wait4 returns the usage of this child alone, so Popen must not reap it first.
            while True:
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if pid:
                    break
                threads = max(threads, native_threads(child.pid))
                time.sleep(SAMPLE_INTERVAL)
            child.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - started
        finally:
            if child.returncode is None:
                child.kill()
                child.wait()
        output.seek(0)
        run = Run(name, output.read().strip(), child.returncode, seconds, threads, usage)
    print(f"    {run.summary or 'no summary'} (exit status {run.exit_code})\n", flush=True)
    return run


@contextmanager
def slow_server(delay: float, environ: dict[str, str]) -> Iterator[str]:
    """Run the server in its own process for the duration of the block; yield its address."""
    command = [sys.executable, str(SERVER), "--delay", str(delay), "--until-stdin-ends"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
    # The server ends when its stdin is closed, by this block or, if this process is killed, by the kernel.
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            if not line.startswith("listening on "):
                raise DemoError(f"the server did not start: {' '.join(command)}")
            yield line.removeprefix("listening on ").strip()
        finally:
            server.stdin.close()
            try:
                server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                server.kill()


def workers_that_fit(wanted: int) -> int:
    """Raise the limit on open files, which children inherit; return how many workers are possible."""
    needed = wanted + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    if hard == resource.RLIM_INFINITY or hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        print(f"limit on open files raised from {soft} to {needed}")
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    fitting = hard - SPARE_FILES
    if fitting < 1:
        raise DemoError(f"the hard limit on open files, {hard}, is too low (see 'ulimit -Hn')")
    print(
        f"cannot raise the limit on open files to {needed}: the hard limit is {hard} (see 'ulimit -Hn'); "
        f"going on with {fitting} workers in place of {wanted}"
    )
    return fitting


def greenrt_version() -> str:
    """Return greenrt's version, printed by a child process so that this process stays small."""
    code = "import greenrt; print(f'greenrt {greenrt.__version__}, {greenrt.__build__} build')"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if answer.returncode != 0:
        reason = answer.stderr.strip().rsplit("\n", 1)[-1]
        raise DemoError(f"greenrt cannot be imported by {sys.executable}: {reason} (try 'make demo')")
    return answer.stdout.strip()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align the rows in columns, the first one to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def conclusion(many: Run, green: Run, options: argparse.Namespace, workers: int) -> str:
    """Return the conclusion from the table."""
    return f"""\
The three runs are the same file and fetch the same {options.requests} pages; the server takes
{options.delay} s for each of them. The number of workers, N, shortens the time, and
--workers sets it in every run. Patching does not change N: it makes a large N cheap.
N = {workers} as native threads, and as greenlets:
    native threads    {many.threads:>10,}  {green.threads:>10,}
    context switches  {many.switches:>10,}  {green.switches:>10,}
    peak memory       {many.memory_mib:>6.0f} MiB  {green.memory_mib:>6.0f} MiB
    CPU time          {many.cpu_seconds:>8.1f} s  {green.cpu_seconds:>8.1f} s"""


def demo(options: argparse.Namespace) -> int:
    """Run everything and print the table; return 0 if all runs succeeded with the same summary."""
    print(f"{greenrt_version()}, Python {sys.version.split()[0]}, {os.cpu_count()} processors")
    workers = workers_that_fit(options.workers)
    print(f"{options.requests} requests to a local server that answers each after {options.delay} s\n")
    environ = dict(
        os.environ, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1"
    )  # no proxy reaches the local server
    with slow_server(options.delay, environ) as url:
        arguments = ["--url", url, "--requests", str(options.requests)]
        arguments += ["--progress"] if options.progress else []

        def run(name: str, count: int, *launcher: str) -> Run:
            command = [sys.executable, *launcher, str(PROGRAM), "--workers", str(count), *arguments]
            return measure(f"{name}, {count} workers", command, environ)

        few = run("native", options.few)
        many = run("native", workers)
        green = run("greenrt", workers, "-m", "greenrt.monkey")

    runs = [few, many, green]
    print(table([HEADINGS, *(one.cells() for one in runs)]))
    failed = [one.name for one in runs if one.exit_code != 0]
    if failed:
        print(f"\nfailed: {'; '.join(failed)}. The figures of a failed run mean nothing.")
        return 1
    if len({one.summary for one in runs}) > 1:
        print("\nthe summaries differ: the runs did not do the same work")
        return 1
    print(f"\n{conclusion(many, green, options, workers)}")
    return 0


def positive(text: str) -> int:
    """Parse a whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above zero")
    return number


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; the defaults depend on --quick."""
    parser = argparse.ArgumentParser(description="The same blocking program natively and under greenrt.")
    parser.add_argument("--few", type=positive, default=8, help="workers of the first run (default: 8)")
    parser.add_argument(
        "--workers", type=positive, help="workers of the other two (default: 3000, quick: 60)"
    )
    parser.add_argument("--requests", type=positive, help="requests of each run (default: 3000, quick: 120)")
    parser.add_argument("--delay", type=float, help="seconds the server waits (default: 0.2, quick: 0.05)")
    parser.add_argument("--progress", action="store_true", help="draw the bar even without a terminal")
    parser.add_argument("--quick", action="store_true", help="a few seconds only, for a smoke test")
    options = parser.parse_args(arguments)
    workers, requests, delay = (60, 120, 0.05) if options.quick else (3000, 3000, 0.2)
    options.workers = options.workers or workers
    options.requests = options.requests or requests
    options.delay = delay if options.delay is None else options.delay
    return options


def terminated(number: int, frame: FrameType | None) -> None:
    """On SIGTERM, end as with Ctrl-C: every finally clause runs, so that no child process survives."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; return its exit status, 130 after Ctrl-C."""
    options = parse()
    signal.signal(signal.SIGTERM, terminated)
    try:
        return demo(options)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
