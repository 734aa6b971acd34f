"""What the garbage collector sees of a suspended greenlet: from CPython 3.15 on, also its local variables."""

import gc

from greenlet import getcurrent, greenlet

__all__ = ["shows_local_variables"]


class _Thing:
    pass


def shows_local_variables() -> bool:
    """Return whether references lead from a suspended greenlet to the local variables of its functions."""

    def body() -> None:
        thing = _Thing()
        main.switch()
        del thing

    main = getcurrent()
    suspended = greenlet(body)
    suspended.switch()
    found = any(type(each) is _Thing for each in gc.get_referents(suspended))
    suspended.switch()
    return found
