"""The computed part of the build: which modules are compiled, and where greenlet.h is."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Below greenrt. X.pyx is preferred to X.py; X.pxd types either of them.
COMPILED = """
_native.attributes _native.framecache _native.gate _native.heap _native.helper _native.nowait _native.ping
_native.poller _native.ring _native.signalfd _native.sockio _native.stamp _native.switch _native.thread
_native.unbound
_loop.backends.base _loop.backends.epoll _loop.base _loop.clock _loop.entry _loop.fds _loop.loop _loop.wakeup
_loop.watchers
_hub.delivery _hub.greenlet _hub.guard _hub.hub _hub.io _hub.joining _hub.latch _hub.links _hub.local _hub.park
_hub.pausing _hub.proxy _hub.raw _hub.slot _hub.timeout
sync.event sync.lock sync.permits sync.queue sync.result sync.semaphore
dns.exchange dns.front dns.sources dns.stub dns.wire
green.fdio green.polling green.queue_calls green.select green.socket_calls green.socket_waits
green.time
serve.http.chunks serve.http.exchange serve.http.fields serve.http.head serve.http.request
serve.http.scanner serve.http.wire
""".split()
# They come after the interpreter's own flags and CFLAGS, and win. Debug information is most of a module's size, and a
# quarter of the time that it takes to compile. -O3 takes a fifth longer than -O2 for no fewer instructions. The
# unwinder finds the clean-up of greenrt_run_guarded (_native/finalizing.h) only with -fexceptions.
FLAGS = ["-O2", "-g0", "-fexceptions"]
# What Cython otherwise repeats in each module; cythonize() writes its source.
SHARED = "greenrt._native._shared"
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "auto_pickle": False, "embedsignature": False}


class AllOrNothing(build_ext):
    """Compiled classes extend each other: with no working compiler, none is compiled and the install goes on."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            if os.environ.get("GREENRT_PURE") == "0":
                raise
            print(f"greenrt: building without compiled modules: {error}", file=sys.stderr)
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions.clear()


def extensions() -> list[Extension]:
    if os.environ.get("GREENRT_PURE") == "1":
        return []
    import greenlet
    from Cython.Build import cythonize

    include = [str(Path(greenlet.__file__).parent), "src/greenrt/_native"]
    modules = []
    for name in COMPILED:
        pyx = Path("src/greenrt", *name.split(".")).with_suffix(".pyx")
        source = pyx if pyx.exists() else pyx.with_suffix(".py")
        modules.append(
            Extension(
                f"greenrt.{name}", [str(source)], include_dirs=include, extra_compile_args=FLAGS, depends=[__file__]
            )
        )
    modules.append(
        Extension(SHARED, ["src/greenrt/_native/_shared.c"], extra_compile_args=FLAGS, depends=[__file__])
    )
    return cythonize(
        modules,
        shared_utility_qualified_name=SHARED,
        build_dir="build/cython",
        include_path=["src"],
        compiler_directives=DIRECTIVES,
        nthreads=os.cpu_count() or 1,
    )


setup(ext_modules=extensions(), cmdclass={"build_ext": AllOrNothing})
