/* An open-loop HTTP/1.1 load generator for one server on this machine.
 *
 * Arrivals come from a file and do not wait for answers: a request that finds no free connection waits here, first
 * come, first served, and its latency counts from the arrival all the same. One thread, pinned to one core, polls
 * without sleeping, so that it is late by microseconds. It draws no random numbers: all that varies is in its input.
 *
 * Arguments are name=value:
 *   host, port        the server; only 127.0.0.0/8 is taken
 *   arrivals          file: int64 nanoseconds from the start, ascending
 *   choices           file: int32 index of the request that each arrival sends
 *   disconnects       file: uint8 what each arrival does, see enum disconnect
 *   requests          file of blobs: complete HTTP/1.1 requests
 *   expected          file of blobs: how the body of a 2xx answer to each request must begin; empty: anything goes
 *   output            file: one struct record an arrival
 *   connections       how many keep-alive connections
 *   core              the core to stay on; -1: any
 *   settle_ms         wait between opening the connections and the start
 *   drain_ms          wait for answers after the last arrival
 *   vanish_us         how long a client with disconnect VANISH waits before it goes
 *   ids               1: ID_MARK in a request is replaced by an id of the arrival, which x-request-id must repeat
 *   sleep_ms         how long it may sleep while nothing happens; 0 keeps it late by microseconds and its core busy
 *
 * SIGTERM ends the arrivals: those that are not due yet are not sent, and their records stay empty.
 *
 * One line of JSON with counts goes to standard output; errors go to standard error, with status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "inputs.h"

#define ID_MARK "lg-0000000000000000"
#define CONNECTIONS_MOST 4000
#define RECEIVE_BYTES (256 * 1024)
#define EVENTS 64
#define OPEN_DEADLINE_NS (30 * 1000000000LL)
#define REOPEN_WAIT_NS (10 * 1000000LL)

enum disconnect { STAY, LEAVE, VANISH, HALF }; /* stay; close once sent; close a while after; close with half sent */
enum flag { PROMPT = 1, WRONG = 2, ABANDONED = 4, FAILED = 8 };
enum phase { DOWN, CONNECTING, IDLE, SENDING, AWAITING };

struct record { /* all times in nanoseconds from the start; 0: never */
    int64_t taken; /* when the generator saw that the arrival was due */
    int64_t sent;
    int64_t done; /* last byte of the answer */
    int32_t status;
    uint32_t flags;
};

struct connection {
    int fd;
    uint32_t generation; /* tells events of an earlier socket from those of this one */
    enum phase phase;
    int64_t arrival;
    size_t out_done, out_total;
    char id[ID_DIGITS];
    struct answer answer;
};

static struct sockaddr_in server;
static struct connection *connections;
static struct record *records;
static const int64_t *due;
static const int32_t *choices;
static const uint8_t *disconnects;
static struct blobs requests, expected;
static int64_t *id_places; /* where ID_MARK's digits are in each request; -1: nowhere */
static int64_t arrivals, connection_count, start_ns;
static int64_t next_due, next_sent; /* arrivals from next_sent up to next_due wait for a free connection */
static int64_t busy, waiting_most, reopened, connect_failures;
static int epoll_fd;
static volatile sig_atomic_t ended;

struct ring { /* first in, first out; never holds more than its capacity */
    int64_t *items;
    int64_t capacity, first, count;
};
static struct ring free_ones, down_ones, vanishing;
static int64_t *down_until, vanish_ns;

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

static void make_ring(struct ring *ring, int64_t capacity) {
    *ring = (struct ring){allocate((size_t)capacity, sizeof(int64_t)), capacity, 0, 0};
}

static void put(struct ring *ring, int64_t item) {
    ring->items[(ring->first + ring->count++) % ring->capacity] = item;
}

static int64_t take(struct ring *ring) {
    int64_t item = ring->items[ring->first];
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    return item;
}

static void watch(struct connection *connection, int operation, uint32_t what) {
    int64_t place = connection - connections;
    struct epoll_event event = {what | EPOLLRDHUP, {.u64 = (uint64_t)connection->generation << 32 | (uint64_t)place}};
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event)) fail("epoll: %s", strerror(errno));
}

static void go_idle(struct connection *connection) {
    connection->phase = IDLE;
    put(&free_ones, connection - connections);
}

static void go_down(struct connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
    connection->phase = DOWN;
    connection->generation++;
    connect_failures++;
    int64_t place = connection - connections;
    down_until[place] = monotonic_ns() + REOPEN_WAIT_NS;
    put(&down_ones, place);
}

static void open_connection(struct connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    connection->generation++;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("cannot open a socket: %s", strerror(errno));
    int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        go_down(connection);
        return;
    }
    connection->phase = CONNECTING;
    watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void connected(struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        go_down(connection);
        return;
    }
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    go_idle(connection);
}

/* The request on this connection ends without an answer; a new connection takes the place of the old. */
static void lose(struct connection *connection, uint32_t why) {
    if (connection->phase == SENDING || connection->phase == AWAITING) {
        records[connection->arrival].flags |= why;
        busy--;
    } else if (connection->phase == IDLE) {
        /* Idle ones lie in the ring of free ones; this happens seldom, so looking for it is cheap enough. */
        for (int64_t left = free_ones.count; left > 0; left--) {
            int64_t place = take(&free_ones);
            if (place != connection - connections) put(&free_ones, place);
        }
    }
    if (why == FAILED) reopened++;
    open_connection(connection);
}

static void complete(struct connection *connection) {
    struct record *record = &records[connection->arrival];
    record->done = monotonic_ns() - start_ns;
    record->status = connection->answer.status;
    if (is_wrong(&connection->answer)) record->flags |= WRONG;
    busy--;
    /* An answer to a request of which not all is sent leaves the connection in a state of which nothing is known. */
    if (connection->answer.closes || connection->phase == SENDING) {
        connection->phase = AWAITING;
        reopened++;
        open_connection(connection);
    } else {
        go_idle(connection);
    }
}

static void send_rest(struct connection *connection) {
    int32_t choice = choices[connection->arrival];
    const char *bytes = requests.bytes + requests.offsets[choice];
    size_t id_start = id_places[choice] < 0 ? connection->out_total : (size_t)id_places[choice];
    size_t id_end = id_places[choice] < 0 ? id_start : id_start + ID_DIGITS;
    if (id_start > connection->out_total) id_start = id_end = connection->out_total;
    if (id_end > connection->out_total) id_end = connection->out_total;
    struct iovec parts[3];
    int count = 0;
    size_t at = connection->out_done;
    if (at < id_start) {
        parts[count++] = (struct iovec){(void *)(bytes + at), id_start - at};
        at = id_start;
    }
    if (at < id_end) {
        parts[count++] = (struct iovec){connection->id + (at - id_start), id_end - at};
        at = id_end;
    }
    if (at < connection->out_total) parts[count++] = (struct iovec){(void *)(bytes + at), connection->out_total - at};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        lose(connection, FAILED);
        return;
    }
    if (sent > 0) connection->out_done += (size_t)sent;
    if (connection->out_done < connection->out_total) {
        if (connection->phase != SENDING) watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        connection->phase = SENDING;
        return;
    }
    if (connection->phase == SENDING) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    connection->phase = AWAITING;
    enum disconnect how = disconnects[connection->arrival];
    if (how == LEAVE || how == HALF) lose(connection, ABANDONED);
    if (how == VANISH) put(&vanishing, connection->arrival << 12 | (connection - connections));
}

static void send_request(int64_t arrival) {
    struct connection *connection = &connections[take(&free_ones)];
    int32_t choice = choices[arrival];
    connection->arrival = arrival;
    const int64_t *offsets = &expected.offsets[choice];
    begin_answer(&connection->answer, expected.bytes + offsets[0], (size_t)(offsets[1] - offsets[0]),
                 id_places[choice] < 0 ? NULL : connection->id);
    connection->out_done = 0;
    connection->out_total = (size_t)(requests.offsets[choice + 1] - requests.offsets[choice]);
    if (disconnects[arrival] == HALF) connection->out_total /= 2;
    for (int digit = 0; digit < ID_DIGITS; digit++)
        connection->id[digit] = "0123456789abcdef"[arrival >> 4 * (ID_DIGITS - 1 - digit) & 15];
    connection->phase = AWAITING;
    busy++;
    records[arrival].sent = monotonic_ns() - start_ns;
    send_rest(connection);
}

/* Send what is due and has a connection. */
static void release(void) {
    int64_t now = monotonic_ns() - start_ns;
    while (next_due < arrivals && due[next_due] <= now) {
        records[next_due].taken = now;
        if (next_sent == next_due && free_ones.count) {
            records[next_due].flags = PROMPT;
            next_sent++;
            send_request(next_due);
            now = monotonic_ns() - start_ns;
        }
        next_due++;
    }
    while (next_sent < next_due && free_ones.count) send_request(next_sent++);
    if (next_due - next_sent > waiting_most) waiting_most = next_due - next_sent;
}

static void receive(struct connection *connection) {
    static char bytes[RECEIVE_BYTES];
    ssize_t count = recv(connection->fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    bool asked = connection->phase == AWAITING || connection->phase == SENDING;
    if (count <= 0 || !asked) {
        if (asked && count == 0 && connection->answer.part == UNTIL_CLOSE) complete(connection);
        else lose(connection, FAILED);
        return;
    }
    if (!read_answer(&connection->answer, bytes, (size_t)count)) lose(connection, FAILED);
    else if (connection->answer.part == COMPLETE) complete(connection);
}

static void handle(const struct epoll_event *event) {
    struct connection *connection = &connections[event->data.u64 & 0xffffffff];
    if (connection->generation != event->data.u64 >> 32) return;
    if (connection->phase == CONNECTING) {
        connected(connection);
        return;
    }
    uint32_t generation = connection->generation;
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) receive(connection);
    if (event->events & EPOLLOUT && connection->generation == generation && connection->phase == SENDING)
        send_rest(connection);
}

static void poll_once(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
    for (int number = 0; number < count; number++) {
        handle(&events[number]);
        if (start_ns) release();
    }
}

/* What is due by the clock besides arrivals: clients that go away, connections to try again. */
static void look_at_clock(int64_t now) {
    while (vanishing.count) {
        int64_t item = vanishing.items[vanishing.first], arrival = item >> 12;
        struct connection *connection = &connections[item & 4095];
        bool waits = connection->phase == AWAITING && connection->arrival == arrival;
        if (waits && now < start_ns + records[arrival].sent + vanish_ns) break;
        take(&vanishing);
        if (waits) lose(connection, ABANDONED);
    }
    while (down_ones.count && now >= down_until[down_ones.items[down_ones.first]])
        open_connection(&connections[take(&down_ones)]);
}

static void open_all(void) {
    int64_t deadline = monotonic_ns() + OPEN_DEADLINE_NS;
    for (int64_t place = 0; place < connection_count; place++) {
        connections[place].fd = -1;
        open_connection(&connections[place]);
        if (place % 64 == 63) poll_once(5); /* lets the server accept, its queue of new connections is short */
    }
    while (free_ones.count < connection_count) {
        if (connect_failures) fail("nobody accepts connections on port %d; is the server up?", ntohs(server.sin_port));
        if (monotonic_ns() > deadline)
            fail("only %lld of %lld connections opened within 30 s; open fewer, or raise the server's backlog",
                 (long long)free_ones.count, (long long)connection_count);
        poll_once(5);
    }
}

static void read_inputs(int count, char **options) {
    int64_t choice_count, disconnect_count;
    due = load(option(count, options, "arrivals"), sizeof *due, &arrivals);
    choices = load(option(count, options, "choices"), sizeof *choices, &choice_count);
    disconnects = load(option(count, options, "disconnects"), sizeof *disconnects, &disconnect_count);
    if (choice_count != arrivals || disconnect_count != arrivals)
        fail("expected one choice and one disconnect an arrival, got %lld and %lld for %lld", (long long)choice_count,
             (long long)disconnect_count, (long long)arrivals);
    requests = load_blobs(option(count, options, "requests"));
    expected = load_blobs(option(count, options, "expected"));
    if (requests.count != expected.count)
        fail("expected one beginning a request, got %lld for %lld", (long long)expected.count,
             (long long)requests.count);
    for (int64_t place = 0; place < arrivals; place++) {
        if (due[place] < (place ? due[place - 1] : 0))
            fail("arrival %lld is due before the one before it", (long long)place);
        if (choices[place] < 0 || choices[place] >= requests.count)
            fail("arrival %lld: expected a request from 0 to %lld, got %d", (long long)place,
                 (long long)requests.count - 1, choices[place]);
    }
    id_places = allocate((size_t)requests.count, sizeof *id_places);
    int64_t ids = number(count, options, "ids", 0, 1);
    for (int64_t place = 0; place < requests.count; place++) {
        const char *bytes = requests.bytes + requests.offsets[place];
        size_t length = (size_t)(requests.offsets[place + 1] - requests.offsets[place]);
        if (length < 2) fail("request %lld has %zu bytes; that is no HTTP", (long long)place, length);
        const char *mark = ids ? memmem(bytes, length, ID_MARK, sizeof ID_MARK - 1) : NULL;
        id_places[place] = mark ? mark - bytes + (int64_t)sizeof ID_MARK - 1 - ID_DIGITS : -1;
    }
}

static void prepare(int count, char **options) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no load outlives the process that asked for it */
    const char *host = option(count, options, "host");
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)number(count, options, "port", 1, 65535));
    if (inet_pton(AF_INET, host, &server.sin_addr) != 1 || ntohl(server.sin_addr.s_addr) >> 24 != 127)
        fail("expected an address of this machine's loopback interface (127.0.0.0/8), got %s;"
             " load is for one's own servers only",
             host);
    int64_t core = number(count, options, "core", -1, CPU_SETSIZE - 1);
    if (core >= 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET((size_t)core, &cores);
        if (sched_setaffinity(0, sizeof cores, &cores))
            fail("cannot stay on core %lld: %s", (long long)core, strerror(errno));
    }
    connection_count = number(count, options, "connections", 1, CONNECTIONS_MOST);
    vanish_ns = number(count, options, "vanish_us", 0, 60000000) * 1000;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < (rlim_t)connection_count + 64) {
        files.rlim_cur = (rlim_t)connection_count + 64;
        if (files.rlim_cur > files.rlim_max || setrlimit(RLIMIT_NOFILE, &files))
            fail("%lld connections need %lld open files; raise the limit (ulimit -Hn)", (long long)connection_count,
                 (long long)files.rlim_cur);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) fail("epoll: %s", strerror(errno));
    read_inputs(count, options);
    connections = allocate((size_t)connection_count, sizeof *connections);
    down_until = allocate((size_t)connection_count, sizeof *down_until);
    make_ring(&free_ones, connection_count);
    make_ring(&down_ones, connection_count);
    make_ring(&vanishing, arrivals);
    records = allocate((size_t)arrivals, sizeof *records);
    /* Written once now, so that the system finds the pages before the start and not in the middle of the run. */
    memset(records, 0xff, (size_t)arrivals * sizeof *records);
    memset(records, 0, (size_t)arrivals * sizeof *records);
}

static void end_arrivals(int number) {
    (void)number;
    ended = 1;
}

int main(int count, char **options) {
    signal(SIGTERM, end_arrivals);
    prepare(count, options);
    int64_t drain_ns = number(count, options, "drain_ms", 0, 600000) * 1000000;
    int sleep_ms = (int)number(count, options, "sleep_ms", 0, 1000);
    int64_t settle_ns = number(count, options, "settle_ms", 0, 60000) * 1000000;
    open_all();
    for (int64_t settled = monotonic_ns() + settle_ns; monotonic_ns() < settled;) poll_once(1);
    int64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    start_ns = monotonic_ns();
    int64_t end = start_ns + due[arrivals - 1] + drain_ns, all = arrivals;
    while (next_sent < arrivals || busy) {
        int64_t now = monotonic_ns();
        if (now >= end) break;
        if (ended && arrivals == all && next_due < all) {
            arrivals = next_due;
            end = now + drain_ns;
        }
        release();
        look_at_clock(now);
        poll_once(sleep_ms);
    }
    int64_t elapsed_ns = monotonic_ns() - start_ns;
    cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns; /* less than elapsed_ns: others ran on the core */
    const char *path = option(count, options, "output");
    FILE *output = fopen(path, "wb");
    if (!output || fwrite(records, sizeof *records, (size_t)all, output) != (size_t)all || fclose(output))
        fail("cannot write %s: %s", path, strerror(errno));
    printf("{\"start_ns\":%lld,\"elapsed_ns\":%lld,\"cpu_ns\":%lld,", (long long)start_ns, (long long)elapsed_ns,
           (long long)cpu_ns);
    printf("\"reopened\":%lld,\"connect_failures\":%lld,\"waiting_most\":%lld}\n", (long long)reopened,
           (long long)connect_failures, (long long)waiting_most);
    return 0;
}
