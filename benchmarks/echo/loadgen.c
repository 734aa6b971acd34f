/* Load generator: N connections, one message outstanding on each, one thread, epoll.
 *
 * usage: loadgen PORT CONNECTIONS SIZE WARMUP_SECONDS SECONDS CORE SPIN [REQUEST REPLY [CHURN]]
 *
 * Without REQUEST it expects its messages of SIZE bytes back. With REQUEST it sends that file each time. The reply
 * must be as long as the file REPLY, and begin and end with the same 12 bytes (between them are dates). With CHURN 1
 * each request has a connection of its own, which is part of the latency.
 *
 * Compiled with -DTLS it speaks TLS, in the version that the server prefers, and accepts any certificate.
 *
 * CORE is the CPU of the process, or -1 for any. With SPIN 1 it polls without sleeping, so that the server does not
 * pay for waking it; this needs a core of its own. It checks each reply. It prints one JSON object: requests and
 * seconds of the measured window, latencies in seconds, and the share of the window in which it was idle.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
#endif

/* Latencies are stored in buckets of 1/64 of a power of two: the error is at most 1.6 %, and memory does not grow. */
#define SUB_BITS 6
#define SUB (1 << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS + 1) * SUB)
#define STALL_NS 5000000000ull

struct connection {
    int fd;
    uint32_t received;
    uint64_t sequence;
    uint64_t sent_at;
    char *reply;
#ifdef TLS
    SSL *tls;
#endif
};

static uint64_t histogram[BUCKETS];
/* With REQUEST: the contents of the two files. */
static char *request, *expected;
static size_t request_size;
#define ENDS 12

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static unsigned bucket_of(uint64_t ns)
{
    if (ns < SUB)
        return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    return (shift + 1) * SUB + (unsigned)((ns >> shift) & (SUB - 1));
}

static double seconds_of(unsigned bucket)
{
    if (bucket < SUB)
        return bucket * 1e-9;
    unsigned shift = bucket / SUB - 1;
    return (double)((uint64_t)(SUB + bucket % SUB) << shift) * 1e-9;
}

static double percentile(uint64_t total, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)total * share);
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (seen > wanted)
            return seconds_of(i);
    }
    return 0;
}

#ifdef TLS
/* Makes the handshake on the new connection, while the socket still blocks. */
static void secure(struct connection *c)
{
    static SSL_CTX *context;
    if (!context && !(context = SSL_CTX_new(TLS_client_method())))
        die("SSL_CTX_new");
    SSL_CTX_set_read_ahead(context, 1);
    c->tls = SSL_new(context);
    if (!c->tls || !SSL_set_fd(c->tls, c->fd) || SSL_connect(c->tls) != 1)
        die("SSL_connect");
}

static ssize_t put(struct connection *c, const char *data, size_t size)
{
    return SSL_write(c->tls, data, (int)size);
}

/* Like recv, but reads until nothing is left: with read-ahead the library may hold more than the socket. */
static ssize_t take(struct connection *c, char *data, size_t size)
{
    size_t taken = 0;
    int got = 0;
    while (taken < size && (got = SSL_read(c->tls, data + taken, (int)(size - taken))) > 0)
        taken += (size_t)got;
    if (taken)
        return (ssize_t)taken;
    int error = SSL_get_error(c->tls, got);
    if (error == SSL_ERROR_WANT_READ)
        errno = EAGAIN;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static void end(struct connection *c)
{
    SSL_free(c->tls);
    close(c->fd);
}
#else
static void secure(struct connection *c)
{
    (void)c;
}

static ssize_t put(struct connection *c, const char *data, size_t size)
{
    return send(c->fd, data, size, MSG_NOSIGNAL);
}

static ssize_t take(struct connection *c, char *data, size_t size)
{
    return recv(c->fd, data, size, 0);
}

static void end(struct connection *c)
{
    close(c->fd);
}
#endif

static void connect_to(struct connection *c, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        die("TCP_NODELAY");
    c->fd = fd;
    secure(c);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        die("O_NONBLOCK");
}

/* Ends a connection at once, so that its port becomes free, and makes a new one. */
static void connect_anew(struct connection *c, uint32_t index, int port, int poller)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    end(c);
    connect_to(c, port);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll_ctl");
}

/* The message holds its connection and number, so that a mixed-up or repeated reply is detected. */
static void stamp(struct connection *c, uint32_t index, char *message)
{
    memcpy(message, &index, sizeof index);
    memcpy(message + 8, &c->sequence, sizeof c->sequence);
}

static char *content(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) < 0)
        die(path);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size);
    if (!data || fread(data, 1, *size, file) != *size)
        die(path);
    fclose(file);
    return data;
}

static void send_next(struct connection *c, uint32_t index, char *message, size_t size, uint64_t now)
{
    c->sequence++;
    c->received = 0;
    c->sent_at = now;
    if (request) {
        message = request;
        size = request_size;
    } else
        stamp(c, index, message);
    errno = 0;
    if (put(c, message, size) != (ssize_t)size)
        die("send");
}

/* Returns whether the reply is complete. */
static int receive(struct connection *c, uint32_t index, char *message, size_t size)
{
    ssize_t got = take(c, c->reply + c->received, size - c->received);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0) {
        errno = got == 0 ? ECONNRESET : errno;
        die("recv");
    }
    c->received += (uint32_t)got;
    if (c->received < size)
        return 0;
    stamp(c, index, message);
    if (expected ? memcmp(expected, c->reply, ENDS) || memcmp(expected + size - ENDS, c->reply + size - ENDS, ENDS)
                 : memcmp(message, c->reply, size)) {
        fprintf(stderr, "loadgen: connection %u got another message back than it should\n", index);
        exit(1);
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 8 && argc != 10 && argc != 11) {
        fprintf(stderr, "usage: loadgen PORT CONNECTIONS SIZE WARMUP_SECONDS SECONDS CORE SPIN [REQUEST REPLY [CHURN]]\n");
        return 2;
    }
    int churn = argc == 11 && atoi(argv[10]);
    int port = atoi(argv[1]), count = atoi(argv[2]), core = atoi(argv[6]), spin = atoi(argv[7]);
    size_t size = (size_t)atol(argv[3]);
    uint64_t warmup = (uint64_t)(atof(argv[4]) * 1e9), window = (uint64_t)(atof(argv[5]) * 1e9);
    if (argc >= 10) {
        request = content(argv[8], &request_size);
        expected = content(argv[9], &size);
    }
    if (count < 1 || size < 16) {
        fprintf(stderr, "loadgen: needs at least one connection and 16 bytes\n");
        return 2;
    }
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)core, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("sched_setaffinity");
    }
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    struct epoll_event *events = calloc((size_t)count, sizeof *events);
    char *message = malloc(size);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || !events || !message || poller < 0)
        die("set-up");
    for (size_t i = 0; i < size; i++)
        message[i] = (char)('a' + i % 26);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        connect_to(&connections[i], port);
        connections[i].reply = malloc(size);
        if (!connections[i].reply || epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
            die("epoll_ctl");
    }
    for (int i = 0; i < count; i++)
        send_next(&connections[i], (uint32_t)i, message, size, now_ns());

    uint64_t begin = now_ns() + warmup, end = begin + window, idle = 0, requests = 0;
    uint64_t before = now_ns(), last_reply = before, finished;
    for (;;) {
        int ready = epoll_wait(poller, events, count, spin ? 0 : 100);
        uint64_t now = now_ns();
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        if (now >= begin && (ready <= 0 || !spin))
            idle += now - before;
        if (now >= end) {
            finished = now;
            break;
        }
        if (now - last_reply > STALL_NS) {
            fprintf(stderr, "loadgen: no reply for 5 seconds\n");
            return 1;
        }
        for (int i = 0; i < ready; i++) {
            uint32_t index = events[i].data.u32;
            struct connection *c = &connections[index];
            if (!receive(c, index, message, size))
                continue;
            now = last_reply = now_ns();
            if (now >= begin) {
                requests++;
                histogram[bucket_of(now - c->sent_at)]++;
            }
            if (churn)
                connect_anew(c, index, port, poller);
            send_next(c, index, message, size, now);
        }
        before = now_ns();
    }
    double seconds = (double)(finished - begin) * 1e-9;
    unsigned last = BUCKETS - 1;
    while (last && !histogram[last])
        last--;
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"p50\": %.9f, \"p99\": %.9f, \"max\": %.9f, "
           "\"idle\": %.4f}\n",
           (unsigned long long)requests, seconds, (double)requests / seconds, percentile(requests, 0.50),
           percentile(requests, 0.99), seconds_of(last), (double)idle * 1e-9 / seconds);
    return 0;
}
