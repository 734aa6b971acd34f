"""greenrt's own native threads, which block all signals."""

from greenrt import _original

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    static _Thread_local sigset_t greenrt_outer;

    static void greenrt_refuse(sigset_t *before)
    {
        /* These stay unblocked: a blocked fault ends the process without output from faulthandler. */
        static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
        sigset_t signals;
        sigfillset(&signals);
        for (unsigned int i = 0; i < sizeof(faults) / sizeof(*faults); i++)
            sigdelset(&signals, faults[i]);
        pthread_sigmask(SIG_BLOCK, &signals, before);
    }
    """
    ctypedef struct sigset_t:
        pass
    sigset_t greenrt_outer
    int SIG_SETMASK
    void greenrt_refuse(sigset_t *before)
    int pthread_sigmask(int how, const sigset_t *signals, sigset_t *before)


def start_helper(function, args):
    """Start a native thread that calls ``function(*args)``; it blocks all signals from its first instruction on.

    libuv's threads do the same. If the program blocks a signal in its own threads to wait for it there, the kernel
    would deliver the signal to any other thread that does not block it, and that may end the process. Raises
    RuntimeError if no more threads can be started.
    """
    cdef sigset_t before
    greenrt_refuse(&before)
    try:
        # The new thread inherits the mask.
        _original.start_new_thread(_run, (function, args, (<char *>&before)[:sizeof(sigset_t)]))
    finally:
        pthread_sigmask(SIG_SETMASK, &before, NULL)


def _run(function, args, bytes outer):
    global greenrt_outer
    greenrt_outer = (<sigset_t *><char *>outer)[0]
    del outer
    function(*args)


def admit_signals():
    """Restore the signal mask that the thread had which started this helper; before the helper runs user code.

    Child processes inherit the mask: otherwise they would block SIGTERM forever.
    """
    pthread_sigmask(SIG_SETMASK, &greenrt_outer, NULL)


def refuse_signals():
    """Block all signals again; after the helper has run user code."""
    greenrt_refuse(NULL)
