"""`gevent` and `eventlet` as names of packages of `greenrt.compat`: the finder that serves them.

It knows these packages by name only and imports them when the program asks for them, so it costs nothing before.
"""

import importlib
import os
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, FrameType, ModuleType

from greenrt._typing import Any

__all__ = ["VARIABLE", "VERSIONS", "install", "installed", "names_in", "requested"]

# The packages that greenrt can stand in for, and the version whose interface it offers.
VERSIONS = {"gevent": "26.9.0", "eventlet": "0.41.0"}

# The environment variable that names packages to serve.
VARIABLE = "GREENRT_AS"

# Where the packages are.
HOME = "greenrt.compat"

# Programs that install packages, by a module that only they import. They must see what is really there.
INSTALLERS = ("pip._internal", "poetry", "pdm", "hatch", "pipenv", "conda")


class _Finder:
    """Serves the packages in `names`, whether or not the real ones are installed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of a module of an alias.

        If the package does not offer it, an import statement raises ModuleNotFoundError with the reason, and
        `importlib.util.find_spec` returns None.
        """
        package = fullname.partition(".")[0]
        if package not in self.names:
            return None
        # Imported here because it is large.
        from importlib.util import find_spec

        found = find_spec(f"{HOME}.{fullname}")
        if found is None:
            if not _is_import(sys._getframe(1)):
                return None
            reason = (
                f"modules that are private to {package} are not offered"
                if "._" in fullname
                else f"it offers the public modules of {package} {VERSIONS[package]}"
            )
            instead = importlib.import_module(f"{HOME}._replacements").replacement_for(fullname)
            if instead is not None:
                reason += f"; use {instead}"
            raise ModuleNotFoundError(
                f"greenrt stands in for {package} and has no {fullname}: {reason}", name=fullname
            )
        is_package = found.submodule_search_locations is not None
        loader: Any = _Loader(found)
        return ModuleSpec(fullname, loader, origin=found.origin, is_package=is_package)

    def find_distributions(self, context: Any = None) -> Any:
        """Answer `importlib.metadata` if it asks for an alias by name, as ``metadata.version("gevent")`` does.

        Programs that list what is installed, in all folders or in given ones, and installers see what is there.
        """
        name = str(getattr(context, "name", None)).lower()
        if (
            name not in self.names
            or "path" in vars(context)
            or any(module in sys.modules for module in INSTALLERS)
        ):
            return ()
        return (_distribution(name),)


def _is_import(frame: FrameType) -> bool:
    """Return whether `frame` looks for a module in order to import it, rather than to say whether it exists."""
    caller = frame.f_back
    return caller is not None and caller.f_code.co_filename == "<frozen importlib._bootstrap>"


class _Loader:
    """Loads the module of `greenrt.compat`, which then has two names."""

    def __init__(self, target: ModuleSpec) -> None:
        self.target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return importlib.import_module(self.target.name)

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just replaced it. Relative imports compare it with __package__.
        module.__spec__ = self.target

    def __getattr__(self, name: str) -> Any:
        # What else a loader has, such as resources. A copy that is being made has no target yet.
        if name == "target":
            raise AttributeError(name)
        return getattr(self.target.loader, name)

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the module, for ``python -m``."""
        loader: Any = self.target.loader
        code: CodeType | None = loader.get_code(self.target.name)
        return code


def _distribution(name: str) -> Any:
    # Imported here because it takes long, and few programs ask.
    from importlib.metadata import Distribution

    class Alias(Distribution):
        """The metadata of a package whose interface greenrt offers."""

        def read_text(self, filename: str) -> str | None:
            if filename != "METADATA":
                return None
            return f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSIONS[name]}\nSummary: served by greenrt\n"

        def locate_file(self, path: Any) -> Any:
            return os.path.join(os.path.dirname(__file__), "compat", path)

    return Alias()


_finder = _Finder()


def install(*names: str) -> None:
    """Let `names`, of ``"gevent"`` and ``"eventlet"``, be served by greenrt from now on, in this process.

    A name may be given again. Raises ValueError for another name, and RuntimeError if the real package was imported
    before; then nothing has changed. Call it at the start of the program, from any thread.
    """
    if not names:
        raise ValueError(f"install() needs names of packages: {' or '.join(VERSIONS)}")
    for name in names:
        if name not in VERSIONS:
            raise ValueError(f"greenrt can stand in for {' and '.join(VERSIONS)}, not for {name!r}")
        module = sys.modules.get(name)
        if module is not None and module is not sys.modules.get(f"{HOME}.{name}"):
            raise RuntimeError(
                f"{name} itself has been imported, from {getattr(module, '__file__', None)}: call "
                f"greenrt.compat.install({name!r}) before the first import of {name}"
            )
    _finder.names += [name for name in names if name not in _finder.names]
    # At the front, also if another finder has come before it meanwhile; in one step, as other threads may import.
    sys.meta_path[:] = [_finder, *(finder for finder in sys.meta_path if finder is not _finder)]


def installed() -> tuple[str, ...]:
    """Return the names that greenrt serves in this process."""
    return tuple(_finder.names)


def names_in(text: str, origin: str) -> list[str]:
    """Return the names in a list such as ``"gevent,eventlet"``.

    Raises ValueError for another name; `origin` says in the message where the text was given.
    """
    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if name not in VERSIONS]
    if wrong:
        raise ValueError(
            f"{origin} is {text!r}; use {', '.join(VERSIONS)}, or both with a comma between them"
        )
    return names


def requested() -> list[str]:
    """Return the names in the environment variable ``GREENRT_AS``. Raises ValueError for an invalid value."""
    text = os.environ.get(VARIABLE)
    return names_in(text, VARIABLE) if text else []
