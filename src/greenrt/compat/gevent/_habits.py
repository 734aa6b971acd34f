"""What gevent does and greenrt does not, of what reaches all hubs and greenlets of the process."""

from greenrt._hub.greenlet import accept_any_kill
from greenrt._hub.local import local
from greenrt._hub.spawn_tree import track
from greenrt.compat.gevent._config import config
from greenrt.compat.gevent._hub_local import set_default_hub_class
from greenrt.compat.gevent.hub import Hub
from greenrt.green.thread import _local

__all__ = ["adopt"]


def adopt() -> None:
    """Let new hubs have gevent's settings, greenlets know their spawners, and kills never fail in their caller.

    Objects of a patched `threading.local` can be copied, as those of `gevent.local.local`.

    A program that uses greenrt itself must not notice, so this happens when the alias serves gevent only.
    """
    set_default_hub_class(Hub)
    track(config.track_greenlet_tree)
    accept_any_kill()
    _local.__copy__ = local.__copy__  # type: ignore[method-assign]
