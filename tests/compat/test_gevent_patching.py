"""gevent.monkey over greenrt: names after patching, events, originals, and the command."""

from pathlib import Path

import pytest
from support.child import run_script

INSTALL = "from greenrt.compat import install; install('gevent'); "

PAIRS = """
    import gevent.os, gevent.queue, gevent.select, gevent.selectors, gevent.signal, gevent.socket, gevent.ssl
    import gevent.subprocess, gevent.thread, gevent.threading, gevent.time
    import _thread, os, select, selectors, signal, socket, ssl, subprocess, threading, time
    names = {
        (gevent.socket, socket): "socket create_connection getaddrinfo socketpair",
        (gevent.ssl, ssl): "SSLContext SSLSocket create_default_context",
        (gevent.select, select): "select poll epoll",
        (gevent.selectors, selectors): "DefaultSelector EpollSelector",
        (gevent.signal, signal): "signal getsignal",
        (gevent.subprocess, subprocess): "Popen run check_output",
        (gevent.thread, _thread): "allocate_lock start_new_thread get_ident",
        (gevent.threading, threading): "Thread Lock RLock Event local get_ident",
        (gevent.time, time): "sleep",
        (gevent.os, os): "read write waitpid",
    }
    def different():
        return [
            f"{ours.__name__}.{name}"
            for (ours, standard), text in names.items()
            for name in text.split()
            if getattr(ours, name) is not getattr(standard, name)
        ]
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_patched_names_are_the_same_objects(order: str) -> None:
    patch = "    from gevent import monkey; assert monkey.patch_all()\n"
    steps = [PAIRS, patch] if order == "before" else [patch, PAIRS]
    out, _ = run_script(f"    {INSTALL}\n{''.join(steps)}\n    print(different())")
    assert out == "[]\n"


def test_unpatched_modules_cooperate() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import gevent, gevent.socket, socket
        assert gevent.socket.socket is not socket.socket
        left, right = gevent.socket.socketpair()
        reader = gevent.spawn(right.recv, 5)
        gevent.spawn(left.sendall, b"hello")
        print(reader.get(timeout=30))
        """
    )
    assert out == "b'hello'\n"


def test_names_that_patching_left_alone_stay_cooperative() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        from gevent import monkey
        import gevent.socket, socket
        monkey.patch_socket(dns=False)
        print(gevent.socket.socket is socket.socket, gevent.socket.getaddrinfo is socket.getaddrinfo)
        monkey.patch_dns()
        print(gevent.socket.getaddrinfo is socket.getaddrinfo)
        print(monkey.is_object_patched("threading", "Event"), monkey.is_object_patched("socket", "getaddrinfo"))
        monkey.patch_thread()
        print(monkey.is_object_patched("threading", "Event"), monkey.is_object_patched("threading", "settrace"))
        """
    )
    assert out == "True False\nTrue\nFalse True\nTrue False\n"


def test_saved_shows_the_originals() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import time, types
        # Patching rebinds the copies in modules.
        native = [time.sleep]
        from gevent import monkey
        print(len(monkey.saved), "time" in monkey.saved, monkey.is_anything_patched())
        monkey.patch_time()
        print(monkey.saved["time"]["sleep"] is native[0], list(monkey.saved), "sleep" in monkey.saved["time"])
        print(monkey.get_original(("missing_module", "time"), "sleep") is native[0])
        module = types.ModuleType("module")
        module.name = 1
        monkey.patch_item(module, "name", 2)
        monkey.patch_item(module, "name", 3)
        print(module.name, monkey.saved["module"]["name"])
        monkey.remove_item(module, "name")
        monkey.remove_item(module, "other")
        print(hasattr(module, "name"), "other" in monkey.saved["module"])
        """
    )
    assert out.splitlines() == [
        "0 False False",
        "True ['time'] True",
        "True",
        "3 1",
        "False False",
    ]


def test_events_of_patch_all() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        from gevent import events, monkey
        seen = []
        events.subscribers.append(seen.append)
        def refuse(event):
            if isinstance(event, events.GeventWillPatchModuleEvent) and event.module_name == "signal":
                raise events.DoNotPatch
        events.subscribers.append(refuse)
        print(monkey.patch_all(), monkey.patch_all())
        print(type(seen[0]).__name__, seen[0].will_patch_module("socket"), seen[0].will_patch_module("sys"))
        print(*[type(event).__name__ for event in seen[-2:]])
        modules = [event.module_name for event in seen if isinstance(event, events.GeventDidPatchModuleEvent)]
        print(len(modules) == len(set(modules)), "socket" in modules, "signal" in modules)
        print(monkey.is_module_patched("socket"), monkey.is_module_patched("signal"))
        """
    )
    assert out.splitlines() == [
        "True None",
        "GeventWillPatchAllEvent True False",
        "GeventDidPatchBuiltinModulesEvent GeventDidPatchAllEvent",
        "True True False",
        "True False",
    ]


def test_a_call_with_other_arguments_warns_and_patches_the_rest() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import warnings
        from gevent import monkey
        monkey.patch_all(thread=False)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            monkey.patch_all()
        print([warning.category.__name__ for warning in found], monkey.is_module_patched("threading"))
        """
    )
    assert out == "['MonkeyPatchWarning'] True\n"


def test_patch_module() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import types
        from gevent import events, monkey
        source, target = types.ModuleType("source"), types.ModuleType("target")
        target.a = target.b = 1
        source.a = source.b = 2
        try:
            monkey.patch_module(target, source)
        except AttributeError as error:
            print(error)
        source.__implements__ = ["a"]
        calls = []
        source._gevent_will_monkey_patch = lambda module, items, warn: calls.append((module is target, list(items)))
        source._gevent_did_monkey_patch = lambda module, items, warn: calls.append(module.a)
        print(monkey.patch_module(target, source), target.a, target.b, calls)
        def refuse(*_): raise events.DoNotPatch
        source._gevent_will_monkey_patch = refuse
        print(monkey.patch_module(target, source, items=["b"]), target.b)
        """
    )
    assert out.splitlines() == [
        "'source' has no __implements__; pass the items to patch",
        "True 2 1 [(True, ['a']), 2]",
        "False 1",
    ]


def test_the_command(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import sys\nfrom gevent import monkey\n"
        "print(__name__, sys.argv[1:], *map(monkey.is_module_patched, ('socket', 'threading', 'time')))\n"
    )

    def command(*arguments: str, code: int = 0) -> str:
        text = f"{INSTALL}import runpy, sys; sys.path.insert(0, {str(tmp_path)!r})\nrunpy.run_module('gevent.monkey')"
        text = text.replace("run_module('gevent.monkey')", "run_module('gevent.monkey', run_name='__main__')")
        out, errors = run_script(text, *arguments, code=code)
        return out + errors

    path = str(script)
    assert command(path, "--x") == "__main__ ['--x'] True True True\n"
    assert command("--no-thread", path) == "__main__ [] True False True\n"
    assert command("--time", path) == "__main__ [] False False True\n"
    assert command("--module", "program", "1") == "__main__ ['1'] True True True\n"
    assert "gevent.monkey.patch_all(time=True, socket=False" in command("--verbose", "--time", path)
    assert "--[no-]socket" in command()
    assert "Cannot patch 'nothing'" in command("--nothing", path, code=1)
