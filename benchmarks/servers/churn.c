/* Load generator for connections that are used once, or for datagrams. One thread, epoll.
 *
 * usage: churn KIND PORT CLIENTS WARMUP_SECONDS SECONDS CORE
 *
 * With KIND "connections", each client connects, sends 16 bytes, receives them back, sees the server close, and
 * repeats. With "datagrams", each client sends 64 bytes and receives them back, and resends lost ones. CORE is the CPU of the
 * process, or -1 for any. It prints one JSON object: the exchanges of the measured window, and its seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOST_SECONDS 0.2

struct client {
    int fd;
    size_t received;
    double sent_at;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static struct client *clients;
static int events, datagrams;
static size_t size;
static uint64_t done;
static const char message[64] = "sixteen bytes....and then as many as make sixty-four in all";

static void die(const char *what)
{
    fprintf(stderr, "churn: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(struct client *c)
{
    c->received = 0;
    c->sent_at = now();
    if (send(c->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("send");
}

static void begin(uint32_t index)
{
    struct client *c = &clients[index];
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = index};
    c->fd = socket(AF_INET, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    /* On loopback, connect(2) completes at once. */
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect");
    if (epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &wanted) < 0)
        die("epoll_ctl");
    say(c);
}

static void hear(uint32_t index)
{
    char reply[sizeof message];
    struct client *c = &clients[index];
    ssize_t got = recv(c->fd, reply, sizeof reply, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got < 0)
        die("recv");
    errno = 0;
    if (got && (c->received + (size_t)got > size || memcmp(reply, message + c->received, (size_t)got)))
        die("a wrong reply");
    c->received += (size_t)got;
    if (datagrams) {
        done++;
        say(c);
    } else if (!got) {
        if (c->received != size)
            die("no whole reply");
        done++;
        close(c->fd);
        begin(index);
    }
}

int main(int count, char **words)
{
    if (count != 7)
        die("usage: churn KIND PORT CLIENTS WARMUP_SECONDS SECONDS CORE");
    datagrams = !strcmp(words[1], "datagrams");
    size = datagrams ? 64 : 16;
    server.sin_port = htons((uint16_t)atoi(words[2]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    uint32_t number = (uint32_t)atoi(words[3]);
    double warmup = atof(words[4]), seconds = atof(words[5]);
    int core = atoi(words[6]);
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    events = epoll_create1(0);
    clients = calloc(number, sizeof *clients);
    if (events < 0 || !clients)
        die("start");
    for (uint32_t i = 0; i < number; i++)
        begin(i);
    double start = now() + warmup, end = start + seconds, time = 0, begun = 0, looked = 0;
    uint64_t before = 0;
    while ((time = now()) < end) {
        struct epoll_event ready[256];
        int found = epoll_wait(events, ready, 256, 100);
        if (!begun && time >= start) {
            begun = time;
            before = done;
        }
        for (int i = 0; i < found; i++)
            hear(ready[i].data.u32);
        if (datagrams && time - looked > LOST_SECONDS) {
            looked = time;
            for (uint32_t i = 0; i < number; i++)
                if (time - clients[i].sent_at > LOST_SECONDS)
                    say(&clients[i]);
        }
    }
    printf("{\"exchanges\": %llu, \"seconds\": %.6f}\n", (unsigned long long)(done - before), time - begun);
    return 0;
}
