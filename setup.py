"""The computed part of the build: the modules that are compiled, the wheel's tag, the text for package indexes."""

import multiprocessing
import os
import re
import runpy
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.editable_wheel import editable_wheel

# After setuptools, which brings it.
from distutils.ccompiler import new_compiler  # isort: skip
from distutils.errors import CompileError  # isort: skip
from distutils.sysconfig import customize_compiler  # isort: skip

BUILD = runpy.run_path("src/greenrt/_build.py")
COMPILED, SHARED = BUILD["COMPILED"], f"greenrt.{BUILD['SHARED']}"
# They come after the interpreter's own flags and CFLAGS, and win. Debug information is most of a module's size, and a
# quarter of the time that it takes to compile. -O3 takes a fifth longer than -O2 for no fewer instructions. The
# unwinder finds the clean-up of greenrt_run_guarded (_native/finalizing.h) only with -fexceptions.
FLAGS = ["-O2", "-g0", "-fexceptions"]
# Without these passes of gcc's, -O2 takes a sixth less time for no more instructions. Other compilers have others.
WITHOUT_PASSES = [
    "-fno-code-hoisting",
    "-fno-gcse",
    "-fno-ipa-icf",
    "-fno-rerun-cse-after-loop",
    "-fno-tree-pre",
    "-fno-tree-vrp",
]
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "auto_pickle": False, "embedsignature": False}


class Build(build):
    """A build of what there is now: files that an earlier build has left are in no wheel."""

    def run(self) -> None:
        super().run()
        commands = [self.get_finalized_command(name) for name in self.get_sub_commands()]
        made = [name for command in commands for name in command.get_outputs()]
        remove_others(Path(self.build_lib).rglob("*"), made)


class Editable(editable_wheel):
    """An editable install, where an extension that an earlier one has left would hide a newer .py file."""

    def run(self) -> None:
        super().run()
        made = self.get_finalized_command("build_ext").get_output_mapping().values()
        remove_others(Path("src").rglob("*" + sysconfig.get_config_var("EXT_SUFFIX")), made)


class AllOrNothing(build_ext):
    """Compiled classes extend each other: where one can't be compiled, none is and the install goes on."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        # A virtual environment's own folder holds no header that greenrt includes. Without it the command is the same
        # in every environment, and a compiler's cache finds what an earlier build has compiled without preprocessing.
        unused = str(Path(sys.exec_prefix, "include"))
        self.include_dirs = [folder for folder in self.include_dirs if folder != unused]

    def run(self) -> None:
        try:
            check_compiler()
            if accepts(WITHOUT_PASSES):
                for module in self.extensions:
                    module.extra_compile_args += WITHOUT_PASSES
            # What a killed compiler or linker has left is newer than its source.
            with interruptions(Path(self.build_temp)) as interrupted:
                self.force = self.force or interrupted
                translate(self.extensions)
                super().run()
        except Exception as error:
            if os.environ.get("GREENRT_PURE") == "0":
                raise
            warning = (
                f"WARNING: {error}\ngreenrt is built as {BUILD['PLAIN_BUILD']}\n"
                "GREENRT_PURE=0 turns this warning into an error, GREENRT_PURE=1 asks for the plain build."
            )
            print(f"\n{warning}\n", file=sys.stderr, flush=True)
            # Build removes what was compiled before the error.
            self.extensions.clear()


class Wheel(bdist_wheel):
    """A wheel whose tag says what was built."""

    def run(self) -> None:
        # An interrupted build leaves this folder; its files would be in the wheel.
        shutil.rmtree(self.bdist_dir, ignore_errors=True)
        super().run()

    def run_command(self, command: str) -> None:
        super().run_command(command)
        if command == "build":
            # It was set before the build, from the extensions that were to be built.
            self.root_is_pure = not self.distribution.has_ext_modules()


def remove_others(found: Iterable[Path], made: Iterable[str]) -> None:
    """Remove the files that are found, but for those that were made."""
    keep = {Path(name).absolute() for name in made}
    for path in found:
        if path.is_file() and path.absolute() not in keep:
            path.unlink()


@contextmanager
def interruptions(folder: Path) -> Iterator[bool]:
    """Yield whether the process was killed in the middle when this was last entered for that folder."""
    mark = folder / "unfinished"
    interrupted = mark.exists()
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield interrupted
    except Exception:
        # The tools have removed what they had not finished.
        mark.unlink(missing_ok=True)
        raise
    mark.unlink(missing_ok=True)


def check_compiler() -> None:
    """Raise CompileError if an extension that includes Python.h can't be compiled and linked."""
    try:
        compile_probe("#include <Python.h>\n", FLAGS, link=True)
    except Exception as error:
        raise CompileError(f"there is no C compiler that works, or no Python.h: {error}") from None


def accepts(flags: list[str]) -> bool:
    """Return whether the compiler knows these flags; one that it would ignore with a warning counts as unknown."""
    try:
        compile_probe("int probe;\n", [*FLAGS, *flags, "-Werror"])
    except CompileError:
        return False
    return True


def compile_probe(source: str, flags: list[str], link: bool = False) -> None:
    compiler = new_compiler()
    customize_compiler(compiler)
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.c")
        probe.write_text(source)
        include = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
        objects = compiler.compile([str(probe)], output_dir="/", include_dirs=include, extra_postargs=flags)
        if link:
            compiler.link_shared_object(objects, str(probe.with_suffix(".so")))


def extensions() -> list[Extension]:
    if os.environ.get("GREENRT_PURE") == "1":
        return []
    modules = []
    for name in COMPILED:
        pyx = Path("src/greenrt", *name.split(".")).with_suffix(".pyx")
        source = pyx if pyx.exists() else pyx.with_suffix(".py")
        modules.append(extension(f"greenrt.{name}", str(source)))
    # cythonize() writes its source.
    return [*modules, extension(SHARED, "src/greenrt/_native/_shared.c")]


def extension(name: str, source: str) -> Extension:
    # Changed flags rebuild every module.
    return Extension(name, [source], extra_compile_args=[*FLAGS], depends=[__file__])


def translate(modules: list[Extension]) -> None:
    """Replace the sources of the extensions by C files, which Cython writes where they are missing or old."""
    try:
        import greenlet
        from Cython.Build import cythonize
    except ImportError as error:
        raise SystemExit(
            f"greenrt: {error}; pip installs what the build needs, unless --no-build-isolation is given"
        ) from None
    accept_generic_bases()
    folder = Path("build/cython")
    for module in modules:
        module.include_dirs = [str(folder), "src/greenrt/_native"]
    with interruptions(folder) as interrupted:
        # pip builds in environments with random names. With the header here the include path is always the same, and
        # a compiler's cache finds what an earlier build has compiled.
        copy_if_changed(Path(greenlet.__file__).with_name("greenlet.h"), folder / "greenlet.h")
        translated = cythonize(
            modules,
            shared_utility_qualified_name=SHARED,
            build_dir=str(folder),
            include_path=["src"],
            compiler_directives=DIRECTIVES,
            nthreads=os.cpu_count() or 1,
            force=interrupted or None,
            # The checks of installing translate the same sources in one new folder after another.
            cache="CYTHON_CACHE_DIR" in os.environ,
        )
    for module, one in zip(modules, translated, strict=True):
        assert module.name == one.name
        vars(module).update(vars(one))


def accept_generic_bases() -> None:
    """Make Cython read ``class LifoQueue(Queue[T])`` as ``class LifoQueue(Queue)``.

    Cython refuses a subscript in the first base of a compiled class, but type checkers need it.
    """
    from Cython.Compiler.ExprNodes import IndexNode

    analyse_as_type = IndexNode.analyse_as_type

    def analyse_subscript(node: IndexNode, env: object) -> object:
        base = node.base.analyse_as_type(env)
        return base if base is not None and base.is_extension_type else analyse_as_type(node, env)

    IndexNode.analyse_as_type = analyse_subscript
    # The processes of `cythonize` inherit the change.
    multiprocessing.set_start_method("fork", force=True)


def copy_if_changed(source: Path, target: Path) -> None:
    """Copy the file, unless it is there already: Cython translates each module again that depends on a newer file."""
    if not target.exists() or source.read_bytes() != target.read_bytes():
        shutil.copyfile(source, target)


def index_readme() -> str:
    """Return the README for a package index, which has none of the repository's pictures and pages."""
    without_pictures = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", Path("README.md").read_text())
    return re.sub(r"\[([^]]*)\]\((?!https?:)([^)]*)\)", r"\1 (`\2`)", without_pictures)


setup(
    long_description=index_readme(),
    long_description_content_type="text/markdown",
    ext_modules=extensions(),
    cmdclass={"build": Build, "build_ext": AllOrNothing, "bdist_wheel": Wheel, "editable_wheel": Editable},
)
