"""gevent.config, and the variables of the environment that it reads."""

import pytest
from support.child import run_script

import greenrt
from greenrt.compat.gevent import _config

INSTALL = "from greenrt.compat import install; install('gevent'); "


def test_settings_are_read_from_the_environment() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import gevent
        config = gevent.config
        print(config.resolver.__module__, config.fileobject.__name__, config.threadpool_idle_task_timeout)
        print(config.libev_backend, gevent.get_hub().loop.backend, gevent.get_hub().backend)
        print(type(gevent.get_hub().resolver) is config.resolver, gevent.get_hub().threadpool.idle_task_timeout)
        print(config.track_greenlet_tree, gevent.spawn(int).spawning_greenlet, config.max_memory_usage)
        """,
        GEVENT_RESOLVER="nothing,thread",
        GEVENT_FILE="thread",
        GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT="-1",
        GEVENT_BACKEND="linux_iouring,poll",
        GEVENT_TRACK_GREENLET_TREE="off",
        GEVENT_MONITOR_MEMORY_MAX="2mb",
    )
    assert out.splitlines() == [
        "greenrt.dns.resolvers FileObjectThread -1.0",
        "['linux_iouring', 'poll'] poll poll",
        "True -1.0",
        "False None 2097152",
    ]


def test_the_text_of_a_context() -> None:
    _, errors = run_script(
        f"""
        {INSTALL}
        import gevent
        gevent.config.format_context = "math.sqrt"
        gevent.spawn(int, "x").join()
        gevent.get_hub().format_context = lambda context: f"the one called {{context.name}}"
        gevent.spawn(int, "y").join()
        gevent.get_hub().handle_error("a text", ValueError, ValueError("z"), None)
        """
    )
    assert "TypeError: must be real number, not " in errors
    assert "the one called Greenlet-" in errors
    assert "a text failed with ValueError" in errors


def test_a_setting_without_effect_warns_once() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import warnings
        import gevent
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            gevent.config.loop = "libuv"
            gevent.config.loop = "libev-cext"
            gevent.config.ares_flags
            gevent.config.disable_watch_children
        print(*[warning.message for warning in found], sep="\\n")
        """,
        GEVENTARES_FLAGS="3",
    )
    assert out.splitlines() == [
        "the setting 'loop' of gevent.config has no effect: greenrt has an event loop of its own",
        "the environment variable GEVENTARES_FLAGS has no effect: greenrt's resolver follows resolv.conf; use "
        "resolver_nameservers for other servers",
    ]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("nothing", 1, AttributeError),
        ("monitor_thread", "maybe", ValueError),
        ("max_blocking_time", -1, ValueError),
        ("max_memory_usage", "0kb", ValueError),
        ("resolver", "nothing", ImportError),
        ("threadpool", "gevent.threadpool.Nothing", ImportError),
    ],
)
def test_wrong_values(name: str, value: object, error: type[Exception]) -> None:
    config = _config.Config()
    with pytest.raises(error):
        setattr(config, name, value)


def test_values() -> None:
    config = _config.Config()
    assert config.monitor_thread is False
    config.monitor_thread = "yes"
    assert config.monitor_thread is True
    config.max_memory_usage = "3gb"
    assert config.max_memory_usage == 3 * 1024**3
    config.threadpool = "greenrt.ThreadPool"
    assert config.threadpool is greenrt.ThreadPool
    config.resolver_nameservers = "10.0.0.1,10.0.0.2"
    assert config.resolver_nameservers == ["10.0.0.1", "10.0.0.2"]
    assert "resolver" in dir(config)
    with pytest.raises(AttributeError):
        config.missing  # noqa: B018


def test_a_resolver_has_greenrts_name() -> None:
    """As in a program without the alias."""
    out, _ = run_script(
        """
        import greenrt, greenrt.compat
        greenrt.compat.install("gevent")
        import gevent, gevent.hub, gevent.socket
        for name in "thread", "block", "ares":
            gevent.get_hub().resolver = name
            print(type(gevent.get_hub().resolver).__name__, gevent.socket.gethostbyname("127.0.0.1"))
        """
    )
    assert out.splitlines() == [
        "ThreadResolver 127.0.0.1",
        "BlockResolver 127.0.0.1",
        "AresResolver 127.0.0.1",
    ]
