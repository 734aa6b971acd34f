"""The build under test, and the check that it was made from the current sources."""

import filecmp
import re
import sysconfig
from pathlib import Path

import greenrt

__all__ = ["ROOT", "stale"]

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "greenrt"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
CIMPORT = re.compile(r"^from greenrt\.([\w.]+) cimport", re.MULTILINE)


def stale() -> list[str]:
    """Return a line for each module under test that was built from other sources than the current ones."""
    package = Path(greenrt.__file__).parent
    if package == SOURCE:
        return _older_than_sources()
    lines = _differing(SOURCE, package)
    # A plain copy of src/ does not contain monkey; the tests of monkey fail there without this check.
    return lines + (_differing(ROOT / "monkey", package / "monkey") if (package / "monkey").exists() else [])


def _older_than_sources() -> list[str]:
    lines = []
    for built in SOURCE.rglob(f"*{SUFFIX}"):
        stem = built.name.removesuffix(SUFFIX)
        made = built.stat().st_mtime
        lines += [
            f"{built.relative_to(ROOT)} is older than {source.relative_to(ROOT)}"
            for source in sorted(_sources(built.with_name(stem)))
            if source.stat().st_mtime > made
        ]
    return lines


def _sources(stem: Path) -> set[Path]:
    """Return the sources of an extension: its own files, and all declarations that these use."""
    pyx = stem.with_suffix(".pyx")
    found = {pyx if pyx.exists() else stem.with_suffix(".py")}
    todo = [*found, stem.with_suffix(".pxd")]
    while todo:
        path = todo.pop()
        if path.suffix == ".pxd":
            if path in found or not path.exists():
                continue
            found.add(path)
        names = CIMPORT.findall(path.read_text())
        todo += [SOURCE.joinpath(*name.split(".")).with_suffix(".pxd") for name in names]
    return found


def _differing(source: Path, installed: Path) -> list[str]:
    return [
        f"the installed {path.relative_to(source.parent)} differs from the checkout's"
        for path in sorted(source.rglob("*.py"))
        if not _same(path, installed / path.relative_to(source))
    ]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and filecmp.cmp(one, other, shallow=False)
