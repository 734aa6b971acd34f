"""How a file looks now, so that its reader knows whether to read it again.

os.stat makes thirty objects to say it, in three microseconds; this takes as long as the system call.
"""

from cpython.unicode cimport PyUnicode_AsUTF8


cdef extern from *:
    """
    #include <stdint.h>
    #include <sys/stat.h>

    typedef struct { uint64_t device, inode; int64_t size, seconds, nanoseconds, changed, changed_nanoseconds; }
        greenrt_look;

    static int greenrt_stamp(const char *path, greenrt_look *look)
    {
        struct stat found;
        if (stat(path, &found) < 0)
            return -1;
        *look = (greenrt_look){found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec,
            found.st_mtim.tv_nsec, found.st_ctim.tv_sec, found.st_ctim.tv_nsec};
        return 0;
    }
    """
    ctypedef struct Look "greenrt_look":
        pass
    int greenrt_stamp(const char *path, Look *look) nogil


cpdef bytes stamp(str path):
    """Return what changes when the file `path` does: device, inode, size, mtime and ctime; empty if there is none.

    path: in UTF-8, without a null byte. No file and a path that cannot be followed look the same. Source: stat(2).
    """
    cdef Look look
    cdef const char *start = PyUnicode_AsUTF8(path)
    cdef int failed
    # Others run meanwhile: the file may be on a disk that is far away.
    with nogil:
        failed = greenrt_stamp(start, &look)
    return b"" if failed else (<const char *>&look)[: sizeof(look)]
