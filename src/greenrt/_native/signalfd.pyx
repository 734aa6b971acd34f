"""signalfd(2), a file descriptor that reports blocked signals; only on Linux."""

cdef extern from *:
    """
    #include <signal.h>
    #ifdef __linux__
    #include <sys/signalfd.h>
    #define greenrt_signalfd(mask) signalfd(-1, (mask), SFD_NONBLOCK | SFD_CLOEXEC)
    #else
    #define greenrt_signalfd(mask) (-1)
    #endif
    """
    ctypedef struct sigset_t:
        pass
    int sigemptyset(sigset_t *signals)
    int sigaddset(sigset_t *signals, int number)
    int greenrt_signalfd(const sigset_t *signals)


def signalfd(signals):
    """Return a new fd that is readable while one of `signals` is pending for the calling thread; -1 on failure.

    The caller must have blocked the signals. The fd is non-blocking, and exec closes it.
    """
    cdef sigset_t mask
    sigemptyset(&mask)
    for number in signals:
        sigaddset(&mask, number)
    return greenrt_signalfd(&mask)
