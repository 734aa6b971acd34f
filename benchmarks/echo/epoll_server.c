/* Echo server in bare C, one thread, level-triggered epoll: the upper limit for servers in Python.
 *
 * usage: epoll_server CORE      (-1 for any CPU)
 * Prints its port and serves until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 1024

static void die(const char *what)
{
    fprintf(stderr, "epoll_server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int poller, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

/* Sends everything and returns success. Waits if the buffer is full, which one outstanding message never causes. */
static int send_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            poll(&ready, 1, -1);
            continue;
        }
        if (sent < 0)
            return 0;
        data += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static void serve(int fd, char *buffer, size_t size)
{
    ssize_t got = recv(fd, buffer, size, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || !send_all(fd, buffer, (size_t)got))
        close(fd);
}

int main(int argc, char **argv)
{
    static char buffer[65536];
    static struct epoll_event events[BATCH];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int core = argc > 1 ? atoi(argv[1]) : -1, one = 1;
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)core, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("sched_setaffinity");
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), poller = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || poller < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 1024) < 0 || getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    watch(poller, listener);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poller, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                serve(fd, buffer, sizeof buffer);
                continue;
            }
            int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (accepted >= 0) {
                setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                watch(poller, accepted);
            }
        }
    }
}
