"""Native threads of greenrt's own, which no signal interrupts."""

from greenrt import _original

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    static _Thread_local sigset_t greenrt_outer;

    static void greenrt_refuse(sigset_t *before)
    {
        /* A fault that is blocked ends the process without a word (faulthandler). */
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

    As libuv's threads do. A signal that the program blocks in its own threads, to wait for it there, would go to any
    other that does not block it, and may end the process. RuntimeError if there can be no more threads.
    """
    cdef sigset_t before
    greenrt_refuse(&before)
    try:
        # It inherits the mask.
        _original.start_new_thread(_run, (function, args, (<char *>&before)[:sizeof(sigset_t)]))
    finally:
        pthread_sigmask(SIG_SETMASK, &before, NULL)


def _run(function, args, bytes outer):
    global greenrt_outer
    greenrt_outer = (<sigset_t *><char *>outer)[0]
    del outer
    function(*args)


def admit_signals():
    """Block only what the thread that started this helper blocked then: what runs now is the program's.

    Child processes inherit the mask: they would block SIGTERM for good.
    """
    pthread_sigmask(SIG_SETMASK, &greenrt_outer, NULL)


def refuse_signals():
    """Block all signals again."""
    greenrt_refuse(NULL)
