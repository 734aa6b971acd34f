/* Lets the n-th call of a named C library function fail, for the thread that asked for it. For LD_PRELOAD.

   All arguments are passed on as six machine words, which the 64-bit calling conventions of Linux permit. Built with
   -fno-builtin and without the headers that declare the functions. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static __thread const char *target;
static __thread long calls, first, last;
static __thread int error;

/* From now on let the calls number `nth` to `nth + times - 1` of the function `name` fail; NULL: none. */
void fault_arm(const char *name, long nth, long times, int number)
{
    target = NULL;
    calls = 0;
    first = nth;
    last = nth + times - 1;
    error = number;
    target = name;
}

/* How often it was called since then. */
long fault_calls(void)
{
    return calls;
}

static int fails(const char *name)
{
    if (target == NULL || strcmp(target, name) != 0)
        return 0;
    calls++;
    return calls >= first && calls <= last;
}

#define FAIL(result) do { errno = error; return (result); } while (0)
#define REAL(name) \
    static long (*real)(long, long, long, long, long, long); \
    if (real == NULL) \
        real = (long (*)(long, long, long, long, long, long))dlsym(RTLD_NEXT, name)

#define WRAP(name) \
    long name(long a, long b, long c, long d, long e, long f) \
    { \
        REAL(#name); \
        if (fails(#name)) \
            FAIL(-1); \
        return real(a, b, c, d, e, f); \
    }

WRAP(accept4) WRAP(bind) WRAP(connect) WRAP(dup) WRAP(epoll_create1) WRAP(epoll_ctl) WRAP(epoll_wait) WRAP(eventfd)
WRAP(fcntl) WRAP(fcntl64) WRAP(getsockopt) WRAP(ioctl) WRAP(listen) WRAP(mmap) WRAP(open64) WRAP(pipe2) WRAP(poll)
WRAP(read) WRAP(recv) WRAP(recvfrom) WRAP(send) WRAP(sendto) WRAP(signalfd) WRAP(socket) WRAP(socketpair)
WRAP(waitid) WRAP(waitpid) WRAP(write)

/* Linux closes the fd whatever it then says. */
long close(long a, long b, long c, long d, long e, long f)
{
    REAL("close");
    long result = real(a, b, c, d, e, f);
    if (fails("close"))
        FAIL(-1);
    return result;
}

/* Those that have no function of their own, by number, which is the same on all architectures. */
long syscall(long a, long b, long c, long d, long e, long f, long g)
{
    static long (*real)(long, long, long, long, long, long, long);
    if (real == NULL)
        real = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
    if ((a == 441 && fails("epoll_pwait2")) || (a == 434 && fails("pidfd_open")))
        FAIL(-1);
    return real(a, b, c, d, e, f, g);
}

/* Its error is its result. */
long pthread_create(long a, long b, long c, long d, long e, long f)
{
    REAL("pthread_create");
    if (fails("pthread_create"))
        return error;
    return real(a, b, c, d, e, f);
}
