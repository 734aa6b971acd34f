"""signalfd(2), where there is one: an fd to wait for blocked signals."""

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
    """Return a new fd that is readable while one of `signals` is pending for the calling thread; -1: there is none.

    The signals must be blocked. The fd is non-blocking and is closed by exec.
    """
    cdef sigset_t mask
    sigemptyset(&mask)
    for number in signals:
        sigaddset(&mask, number)
    return greenrt_signalfd(&mask)
