/* Native threads that still exist while the interpreter is being finalized.
 *
 * Until CPython 3.13, pthread_exit(3) ends a thread that asks for the GIL at that time, and unwinds its C stack frame
 * by frame. The stack of a greenlet can't be unwound: beyond its first frame lie stale frames of other greenlets.
 * CPython 3.14 makes such threads sleep forever instead, and so does this file.
 */
#ifndef GREENRT_FINALIZING_H
#define GREENRT_FINALIZING_H

#include <Python.h>
#include <unistd.h>

#if PY_VERSION_HEX < 0x030D0000
#define Py_IsFinalizing _Py_IsFinalizing
#endif

static void greenrt_sleep_for_ever(void)
{
    for (;;)
        pause();
}

/* Called without the GIL, before the thread takes it again. `before` is the value of Py_IsFinalizing() when the
 * thread released the GIL: the thread that finalizes the interpreter must not sleep. */
static inline void greenrt_stay_if_finalizing(int before)
{
    if (!before && Py_IsFinalizing())
        greenrt_sleep_for_ever();
}

/* The unwinder runs this when it leaves the frame of greenrt_run_guarded. The thread does not hold the GIL then. */
static inline void greenrt_unwound(int *running)
{
    if (*running)
        greenrt_sleep_for_ever();
}

/* The first frame of a greenlet. Needs -fexceptions: without it the unwinder runs no clean-up. */
static inline PyObject *greenrt_run_guarded(PyObject *(*function)(PyObject *), PyObject *argument)
{
    int running __attribute__((cleanup(greenrt_unwound))) = 1;
    PyObject *result = function(argument);
    running = 0;
    return result;
}

#endif
