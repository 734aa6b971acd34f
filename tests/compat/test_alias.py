"""`gevent` and `eventlet` served by greenrt: what is found, who hears of it, and every switch that asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment, run_script

from greenrt import _alias
from greenrt.cli.install_hook import TEXT

# A package that calls itself gevent, for programs that have the real one installed.
REAL = "__version__ = 'the real one'\n"

WHO = "import gevent, eventlet; print(bool(gevent.__greenrt__), bool(eventlet.__greenrt__))"


def command(*arguments: str, code: int = 0, folder: Path | None = None, **variables: str) -> tuple[str, str]:
    """Run the command ``greenrt`` with `arguments`; return its stdout and stderr."""
    environ = environment(**variables)
    if folder is not None:
        environ["PYTHONPATH"] = f"{folder}{os.pathsep}{environ['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "greenrt", *arguments], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Return a folder with packages gevent and eventlet, and the metadata of gevent."""
    for name in ("gevent", "eventlet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(REAL)
    (tmp_path / "gevent-1.0.dist-info").mkdir()
    (tmp_path / "gevent-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: gevent\nVersion: 1.0\n"
    )
    return tmp_path


def test_one_module_has_both_names() -> None:
    out, _ = run_script(
        """
        import sys
        import greenrt.compat
        greenrt.compat.install("gevent")
        import gevent.event, gevent.hub, gevent.pool
        import greenrt.compat.gevent.hub
        from gevent import pool
        print(gevent is greenrt.compat.gevent, gevent.hub is greenrt.compat.gevent.hub, pool is gevent.pool)
        print(gevent.hub.__spec__.name, gevent.hub.__package__, gevent.__version__)
        import importlib, importlib.util
        print(importlib.util.find_spec("gevent.event").origin == greenrt.compat.gevent.event.__file__)
        print(importlib.reload(gevent.pool) is pool)
        """
    )
    version = _alias.VERSIONS["gevent"]
    assert out.splitlines() == [
        "True True True",
        f"greenrt.compat.gevent.hub greenrt.compat.gevent {version}",
        "True",
        "True",
    ]


def test_it_wins_over_the_installed_package(real: Path) -> None:
    out, _ = run_script(
        f"""
        import sys
        sys.path.insert(0, {str(real)!r})
        from greenrt.compat import install, installed
        install("gevent", "eventlet")
        install("gevent")
        {WHO}
        print(installed(), sum(type(finder).__module__ == "greenrt._alias" for finder in sys.meta_path))
        """
    )
    assert out == "True True\n('gevent', 'eventlet') 1\n"


def test_the_real_package_stays_if_it_was_first(real: Path) -> None:
    out, _ = run_script(
        f"""
        import sys
        sys.path.insert(0, {str(real)!r})
        import gevent
        from greenrt.compat import install, installed
        try:
            install("eventlet", "gevent")
        except RuntimeError as error:
            print(error)
        print(installed())
        import eventlet
        print(eventlet.__version__)
        """
    )
    assert out.splitlines() == [
        f"gevent itself has been imported, from {real}/gevent/__init__.py: call "
        "greenrt.compat.install('gevent') before the first import of gevent",
        "()",
        "the real one",
    ]


@pytest.mark.parametrize("names", [(), ("gevent", "twisted")])
def test_other_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"gevent (or|and) eventlet"):
        _alias.install(*names)
    assert _alias.installed() == ()


def test_metadata_answers_by_name_only(real: Path) -> None:
    out, _ = run_script(
        f"""
        import sys
        sys.path.insert(0, {str(real)!r})
        from importlib import metadata
        from greenrt.compat import install
        before = sorted(each.name for each in metadata.distributions())
        print(metadata.version("gevent"))
        install("gevent")
        print(metadata.version("gevent"), metadata.version("Gevent"), metadata.metadata("gevent")["Name"])
        print(metadata.requires("gevent"), list(metadata.entry_points(group="gevent.plugins.monkey.did_patch_all")))
        print(before == sorted(each.name for each in metadata.distributions()))
        print(next(iter(metadata.distributions(name="gevent", path=[{str(real)!r}]))).version)
        import pip._internal
        print(metadata.version("gevent"))
        """
    )
    version = _alias.VERSIONS["gevent"]
    assert out.splitlines() == ["1.0", f"{version} {version} gevent", "None []", "True", "1.0", "1.0"]


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        (
            "import gevent._nothing",
            "greenrt stands in for gevent and has no gevent._nothing: modules that are private",
        ),
        (
            "import gevent.nothing",
            "greenrt stands in for gevent and has no gevent.nothing: it offers the public",
        ),
        ("import gevent.libev.corecext", "has no gevent.libev: it offers the public modules of gevent "),
        ("import gevent.libev", "; use gevent.core, and get_hub().loop"),
        ("from gevent._semaphore import Semaphore", "are not offered; use gevent.lock"),
        ("from eventlet.green.OpenSSL import SSL", "use eventlet.green.ssl, or eventlet.tpool"),
        ("from gevent import nothing", "greenrt stands in for gevent and has no gevent.nothing"),
        ("from gevent.hub import nothing", "greenrt stands in for gevent and has no gevent.hub.nothing"),
        ("import eventlet; eventlet.nothing", "greenrt stands in for eventlet and has no eventlet.nothing"),
    ],
)
def test_what_is_missing_is_named(statement: str, complaint: str) -> None:
    out, _ = run_script(
        f"""
        from greenrt.compat import install
        install("gevent", "eventlet")
        try:
            {statement}
        except (ImportError, AttributeError) as error:
            print(error)
        """
    )
    assert complaint in out


def test_replacements_of_modules_exist() -> None:
    """A module that is offered has no replacement, and a replacement that is a name of the package is offered."""
    run_script(
        """
        import importlib.util, re
        from greenrt.compat import _replacements, install
        install("gevent", "eventlet")
        for module, text in _replacements._REPLACEMENTS.items():
            assert importlib.util.find_spec(module.rpartition(".")[0]) is None or (
                importlib.util.find_spec(module) is None
            ), module
            for name in re.findall(r"\\b(?:gevent|eventlet)\\.[\\w.]*\\w", text):
                owner, _, last = name.rpartition(".")
                found = importlib.import_module(owner)
                assert hasattr(found, last) or importlib.util.find_spec(name), name
        """
    )


def test_every_module_names_what_is_missing() -> None:
    out, _ = run_script(
        """
        import importlib, pkgutil
        from greenrt.compat import install
        install("gevent", "eventlet")
        import gevent, eventlet
        for package in (gevent, eventlet):
            own = package.__name__.rpartition(".")[2]
            for module in pkgutil.walk_packages(package.__path__, f"{own}."):
                # Modules of eventlet.green have the names of standard modules.
                if "._" in module.name or module.name.startswith("eventlet.green."):
                    continue
                try:
                    exec(f"from {module.name} import nothing")
                except ImportError as error:
                    if f"greenrt stands in for {own} and has no {module.name}.nothing" not in str(error):
                        print(error)
        """
    )
    assert out == ""


def test_a_probe_for_a_missing_module_finds_none() -> None:
    out, _ = run_script(
        """
        from greenrt.compat import install
        install("gevent")
        import importlib.util
        print([importlib.util.find_spec(f"gevent.{name}") for name in ("_nothing", "nothing", "resolver.nothing")])
        """,
    )
    assert out == "[None, None, None]\n"


def test_modules_that_gevent_imports_are_attributes() -> None:
    """Programs that import only gevent use its modules."""
    out, _ = run_script(
        """
        from greenrt.compat import install
        install("gevent")
        import gevent
        print(gevent.event.Event().wait(0), gevent.timeout.Timeout is gevent.Timeout, gevent.lock.RLock.__name__)
        import gevent.event
        print(gevent.exceptions.LoopExit is gevent.hub.LoopExit, gevent.socket.socket.__name__)
        """
    )
    assert out == "False True RLock\nTrue socket\n"


def test_a_spec_can_be_copied() -> None:
    out, _ = run_script(
        """
        import copy, importlib.util
        from greenrt.compat import install
        install("gevent")
        print(copy.deepcopy(importlib.util.find_spec("gevent")).loader.get_code("gevent").co_name)
        """
    )
    assert out == "<module>\n"


def test_an_unused_alias_imports_nothing() -> None:
    out, _ = run_script(
        """
        import sys
        import greenrt
        before = set(sys.modules)
        from greenrt import _alias
        _alias.install("gevent", "eventlet")
        print(sorted(set(sys.modules) - before - {"importlib.machinery"}))
        """
    )
    assert out == "['greenrt._alias']\n"


def test_the_import_of_gevent_needs_no_large_module() -> None:
    """It takes no longer than that of gevent itself, which is three quarters greenrt's own."""
    out, _ = run_script(
        """
        import sys
        sys.modules.pop("typing", None)
        sys.modules.pop("re", None)
        sys.modules.pop("opcode", None)
        from greenrt.compat import install
        install("gevent")
        import gevent
        large = {"typing", "re", "opcode", "logging", "importlib.metadata", "ssl", "subprocess"}
        print(sorted(large & set(sys.modules)))
        """
    )
    assert out == "[]\n"


class TestSwitches:
    def test_the_option_of_run(self, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text(f"import sys\n{WHO}\nprint(sys.argv[1:])\n")
        path = str(tmp_path / "program.py")
        assert command("run", "--as", "gevent,eventlet", path, "--as", "x")[0] == "True True\n['--as', 'x']\n"
        assert command("run", "--as=eventlet,gevent", path)[0] == "True True\n[]\n"

    def test_the_help_of_run_has_the_option(self) -> None:
        assert "\n  --as NAMES " in command("run", "--help")[0]

    def test_the_variable(self, real: Path) -> None:
        ask = "import gevent; print(gevent.__version__)"
        ours = f"{_alias.VERSIONS['gevent']}\n"
        assert command("run", "-c", ask, GREENRT_AS="gevent", folder=real)[0] == ours
        # The option overrides it.
        assert (
            command("run", "--as", "eventlet", "-c", ask, GREENRT_AS="gevent", folder=real)[0]
            == "the real one\n"
        )

    def test_children_inherit_the_option(self, tmp_path: Path) -> None:
        """Those of multiprocessing, which import the program anew, are served by the hook."""
        program = """
import multiprocessing, os, sys

def served():
    from greenrt._alias import installed
    return os.environ["GREENRT_AS"], installed()

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(served))
"""
        (tmp_path / "program.py").write_text(program)
        # Python reads .pth files of site-packages only.
        (tmp_path / "hook.pth").write_text(TEXT)
        (tmp_path / "sitecustomize.py").write_text(f"import site; site.addsitedir({str(tmp_path)!r})\n")
        out, _ = command(
            "run", "--as", "eventlet", str(tmp_path / "program.py"), GREENRT_AS="gevent", folder=tmp_path
        )
        assert out == "('eventlet', ('eventlet',))\n"

    @pytest.mark.parametrize("command_name", ["run", "serve", "doctor"])
    def test_wrong_names(self, command_name: str) -> None:
        _, errors = command(command_name, "--as", "twisted", "x", code=2)
        assert errors == (
            f"greenrt {command_name}: --as is 'twisted'; use gevent, eventlet, or both with a comma between them\n"
        )

    def test_a_missing_value(self) -> None:
        assert "--as needs a value" in command("run", "--as", code=2)[1]

    def test_a_wrong_variable(self) -> None:
        assert "GREENRT_AS is 'x,gevent'" in command("run", "-c", "0", GREENRT_AS="x,gevent", code=2)[1]

    def test_a_module_of_the_package_is_run(self) -> None:
        out, _ = command("run", "--as", "gevent", "-m", "gevent.monkey", "--help")
        assert "gevent.monkey" in out

    def test_the_doctor_reports_it(self) -> None:
        out, _ = command("doctor", "--as", "gevent", "-c", WHO.replace(", eventlet", "").partition(";")[0])
        assert f"gevent {_alias.VERSIONS['gevent']} is served by greenrt" in out.splitlines()

    @pytest.mark.parametrize(
        ("names", "code", "said"),
        [
            ("gevent", 0, "greenrt: the standard library is patched, gevent is served by greenrt"),
            ("Gevent", 4, "ERROR: GREENRT_AS is 'Gevent'; use gevent, eventlet, or both with a comma"),
        ],
    )
    def test_the_pytest_plugin(self, tmp_path: Path, names: str, code: int, said: str) -> None:
        (tmp_path / "test_it.py").write_text("import gevent\ndef test_it(): assert gevent.__greenrt__\n")
        plugin = ["-p", "greenrt.monkey.pytest_plugin"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugin, "--rootdir", tmp_path, tmp_path],
            env=environment(GREENRT_AS=names),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert said in done.stdout + done.stderr


def test_entry_points_of_the_installed_gevent_are_not_called(real: Path) -> None:
    """They are functions by which it patches. Those of other packages are called."""
    for name, target in (("gevent", "gevent.monkey:_private"), ("other", "other:called")):
        folder = real / f"{name}-1.0.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[gevent.plugins.monkey.will_patch_all]\nit = {target}\n")
    (real / "other.py").write_text("def called(event): print(type(event).__name__)\n")
    out, _ = run_script(
        f"""
        import sys
        sys.path.insert(0, {str(real)!r})
        from greenrt.compat import install
        install("gevent")
        from gevent import monkey
        monkey.patch_all()
        """
    )
    assert out == "GeventWillPatchAllEvent\n"
