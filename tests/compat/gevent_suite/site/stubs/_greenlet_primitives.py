"""Names that gevent's tests import."""

from greenrt._hub.report import all_greenlets as get_reachable_greenlets  # noqa: F401
