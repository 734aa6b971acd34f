"""Names that gevent's tests import; the tests that use them test gevent's inside."""

GreenOpenDescriptor = None
