"""Callbacks before and after patching, by the program and by installed packages."""

from pathlib import Path

from support.child import run_script


def test_each_name_is_announced_once_before_and_after() -> None:
    run_script("""
        import time
        from greenrt import monkey
        native = [time.sleep]
        told, sleeps = [], []
        for when in ("will_patch", "did_patch"):
            monkey.subscribe(when, lambda name, when=when: told.append((when, name)))
            monkey.subscribe(when, lambda name: sleeps.append(time.sleep is native[0]), "time")
        monkey.patch_all()
        assert sleeps == [True, False], sleeps
        assert told[0] == ("will_patch", "all") and told[-1] == ("did_patch", "all"), told
        names = {name for _, name in told}
        assert {"socket", "dns", "ssl", "thread", "select", "time"} <= names, names
        for name in names:
            assert told.index(("will_patch", name)) < told.index(("did_patch", name)), name
        assert len(told) == 2 * len(names), told
        monkey.patch_all()
        assert len(told) == 2 * len(names), told
    """)


def test_late_subscribers_get_what_was_patched() -> None:
    run_script("""
        from greenrt import monkey
        monkey.patch_time()
        told = []
        monkey.subscribe("did_patch", told.append)
        monkey.subscribe("did_patch", told.append, "time")
        monkey.subscribe("did_patch", told.append, "socket")
        monkey.subscribe("will_patch", told.append)
        assert told == ["time", "time"], told
    """)


def test_a_callback_that_raises_before_stops_the_patching() -> None:
    run_script("""
        import time
        from greenrt import monkey
        def refuse(name):
            if refusing:
                raise LookupError(name)
        monkey.subscribe("will_patch", refuse, "time")
        refusing = True
        try:
            monkey.patch_time()
        except LookupError:
            assert not monkey.is_module_patched("time")
        else:
            raise AssertionError("nothing was raised")
        refusing = False
        monkey.patch_time()
        assert monkey.is_module_patched("time")
    """)


def test_a_callback_may_patch() -> None:
    run_script("""
        from greenrt import monkey
        monkey.subscribe("did_patch", lambda name: monkey.patch_all(), "time")
        monkey.subscribe("will_patch", lambda name: monkey.patch_all(), "time")
        monkey.patch_time()
        assert monkey.is_module_patched("socket")
    """)


def test_modules_of_third_parties() -> None:
    run_script("""
        import types
        from greenrt import monkey
        target, source = types.ModuleType("target"), types.ModuleType("source")
        target.call, source.call = 1, 2
        told = []
        monkey.subscribe("will_patch", lambda name: told.append(target.call), "target")
        monkey.subscribe("did_patch", lambda name: told.append(target.call), "target")
        monkey.patch_module(target, source, ["call"])
        assert told == [1, 2], told
    """)


def test_wrong_arguments() -> None:
    run_script("""
        from greenrt import monkey
        for arguments, kind, words in (
            (("after", print), ValueError, "when must be 'will_patch' or 'did_patch', not 'after'"),
            (("did_patch", 3), TypeError, "callback must be callable, not 3"),
        ):
            try:
                monkey.subscribe(*arguments)
            except kind as error:
                assert str(error) == words, error
            else:
                raise AssertionError(arguments)
    """)


def package(folder: Path, entry_points: str) -> str:
    """Install a package with a module `plugin`, which records its calls; return its folder."""
    (folder / "plugin.py").write_text("told = []\nbefore = after = told.append\n")
    info = folder / "plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(entry_points)
    return str(folder)


def test_entry_points_of_installed_packages(tmp_path: Path) -> None:
    folder = package(
        tmp_path, "[greenrt.will_patch]\nall = plugin:before\n[greenrt.did_patch]\nsocket = plugin:after\n"
    )
    run_script(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from greenrt import monkey
        monkey.patch_all()
        monkey.patch_all()
        import plugin
        assert plugin.told == ["all", "socket"], plugin.told
        """,
        folder,
    )


def test_a_broken_entry_point_is_a_warning(tmp_path: Path) -> None:
    folder = package(tmp_path, "[greenrt.did_patch]\nall = plugin:missing\nsocket = plugin:after\n")
    run_script(
        """
        import sys, warnings
        sys.path.insert(0, sys.argv[1])
        from greenrt import monkey
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            monkey.patch_all()
        texts = [str(one.message) for one in caught if one.category is RuntimeWarning]
        assert len(texts) == 1 and "greenrt.did_patch: all = plugin:missing can't be loaded" in texts[0], texts
        import plugin
        assert plugin.told == ["socket"], plugin.told
        """,
        folder,
    )
