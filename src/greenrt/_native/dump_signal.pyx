"""A signal handler in C that makes an fd readable, for a dump that another thread makes.

Unlike a handler in Python it acts at once, also while the main thread is in a call of C, and `signal.getsignal` does
not show it. A handler that the program sets replaces it.

faulthandler.register would show the stacks at once, but reads the frames of a thread that may be in the middle of a
switch of greenlets, whose frames lie on the C stack that is being copied: under load, it would crash. Here its handler
runs only if nothing has answered an earlier signal for at least a second. Then a call in C holds the GIL, so nothing
switches.
"""

import _signal
import faulthandler

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    #include <string.h>
    #include <time.h>
    #include <unistd.h>

    static volatile int greenrt_dump_fd = -1;
    /* When the oldest signal without an answer has arrived, in seconds; 0 for none. */
    static volatile sig_atomic_t greenrt_asked = 0;
    static volatile sig_atomic_t greenrt_answering = 0;
    static void (*volatile greenrt_show_stacks)(int) = NULL;
    static int greenrt_show_number = 0;

    static long greenrt_seconds(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long)now.tv_sec + 1;
    }

    static void greenrt_on_signal(int number)
    {
        int saved = errno;
        int fd = greenrt_dump_fd;
        long now = greenrt_seconds();
        (void)number;
        if (greenrt_asked && !greenrt_answering && now - greenrt_asked >= 2) {
            void (*show)(int) = greenrt_show_stacks;
            if (show)
                show(greenrt_show_number);
        }
        if (!greenrt_asked)
            greenrt_asked = (sig_atomic_t)now;
        if (fd >= 0) {
            ssize_t done = write(fd, "\\1\\0\\0\\0\\0\\0\\0\\0", 8);
            (void)done;
        }
        errno = saved;
    }

    static int greenrt_is_free(int number)
    {
        struct sigaction action;
        if (sigaction(number, NULL, &action) < 0)
            return -1;
        return !(action.sa_flags & SA_SIGINFO)
            && (action.sa_handler == SIG_DFL || action.sa_handler == greenrt_on_signal);
    }

    static int greenrt_catch(int number)
    {
        struct sigaction action;
        memset(&action, 0, sizeof(action));
        action.sa_handler = greenrt_on_signal;
        /* Calls in C that know nothing of the handler go on. */
        action.sa_flags = SA_RESTART | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        return sigaction(number, &action, NULL);
    }

    static void greenrt_set_fd(int fd) { greenrt_dump_fd = fd; }

    static void greenrt_set_answering(int value)
    {
        greenrt_answering = value;
        greenrt_asked = 0;
    }

    static struct sigaction greenrt_before;

    static void greenrt_keep(int number) { sigaction(number, NULL, &greenrt_before); }

    /* Remember the handler that faulthandler has just set, and restore the one before. */
    static void greenrt_borrow(int number)
    {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO)) {
            greenrt_show_number = number;
            greenrt_show_stacks = action.sa_handler;
        }
        sigaction(number, &greenrt_before, NULL);
    }
    """
    int greenrt_is_free(int number)
    int greenrt_catch(int number)
    void greenrt_set_fd(int fd)
    void greenrt_set_answering(int value)
    void greenrt_keep(int number)
    void greenrt_borrow(int number)

HANDLERS = ()

# faulthandler has one handler for all numbers, and prints for those that are registered. The real signal of this
# number keeps its action.
cdef int _BORROWED = getattr(_signal, "SIGRTMAX", 0) - 1


def is_free(int number):
    """Return whether signal `number` has its default action, or has had `catch` already; raises ValueError."""
    cdef int found = greenrt_is_free(number)
    if found < 0:
        raise ValueError("signal number out of range")
    return found == 1


def catch(int number):
    """Make each signal `number` make the fd of `set_fd` readable. Any thread may call this; raises OSError."""
    if greenrt_catch(number) < 0:
        raise OSError(f"signal {number} can't be handled")


def set_fd(int fd):
    """Set the fd, the non-blocking write end of a pipe or an eventfd(2); -1 for none."""
    greenrt_set_fd(fd)


def end():
    """Ignore the signals from here on, at the end of the process."""
    set_fd(-1)


def begin_answer():
    """Note that a thread answers the signals that have arrived."""
    greenrt_set_answering(1)


def end_answer():
    """Note that the answer is given."""
    greenrt_set_answering(0)


def show_stacks_in(int fd):
    """Let a second signal print the Python stacks of all threads to `fd`, if a call in C keeps the GIL."""
    if _BORROWED < 0:
        return
    greenrt_keep(_BORROWED)
    faulthandler.register(_BORROWED, file=fd, all_threads=True, chain=False)
    greenrt_borrow(_BORROWED)
