"""The standard debugger in a patched program: in green threads, in tasks, and over the whole program."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment

PROGRAM = """
from greenrt import monkey
monkey.patch_all()
import asyncio, sys, threading, time

def work(number):
    doubled = number * 2
    if BREAK:
        breakpoint()
    time.sleep(0.01)
    results.append(doubled)

async def main():
    await asyncio.sleep(0.01)
    if BREAK:
        breakpoint()
    await asyncio.sleep(0.01)
    results.append("task")

BREAK = "break" in sys.argv
results = []
thread = threading.Thread(target=work, args=(4,))
thread.start()
thread.join()
asyncio.run(main())
print("results", results)
"""


# In a program that pdb starts, CPython 3.14 stops only in the main thread.
IN_TASK = PROGRAM.splitlines().index('    results.append("task")') + 1


@pytest.mark.parametrize(
    ("options", "arguments", "commands"),
    [
        ((), ("break",), "p doubled * 1000\nimport time; time.sleep(0.01)\nn\nc\np results\nn\nn\nc\n"),
        (("-m", "pdb"), (), f"n\nn\nn\np 1000 * 8\nb {IN_TASK}\nc\np results\ncl 1\nc\nq\n"),
    ],
    ids=["breakpoint()", "python -m pdb"],
)
def test_steps_in_a_green_thread_and_in_a_task(
    options: tuple[str, ...], arguments: tuple[str, ...], commands: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, *options, str(program), *arguments],
        cwd=tmp_path,
        env=environment(),
        input=commands,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The results of the first command and of the one in the task; then the program runs to its end.
    for expected in "(Pdb) 8000\n", "(Pdb) [8]\n", "results [8, 'task']\n":
        assert expected in done.stdout, done.stdout
    assert done.stderr == ""
