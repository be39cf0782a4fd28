/* The cheapest server there can be: answers every HTTP/1.1 request with the same body, to find what the generator can do.
 *
 * One thread, epoll, no parsing: a request is whatever one receive brings, so it is for requests below a segment only.
 * Arguments: the port (on 127.0.0.1), and the core to stay on or -1. It ends on SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512

static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n{\"prediction\":1.0}";

static void watch(int epoll_fd, int fd) {
    struct epoll_event event = {EPOLLIN, {.fd = fd}};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) exit(1);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "expected a port and a core\n");
        return 1;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* whoever started this server and died would otherwise leave it behind */
    int core = atoi(arguments[2]), on = 1;
    if (core >= 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(core, &cores);
        sched_setaffinity(0, sizeof cores, &cores);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("cannot listen");
        return 1;
    }
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll_fd, listener);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int number = 0; number < ready; number++) {
            int fd = events[number].data.fd;
            if (fd == listener) {
                int fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fresh < 0) continue;
                setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch(epoll_fd, fresh);
                continue;
            }
            char bytes[65536];
            ssize_t got = recv(fd, bytes, sizeof bytes, 0);
            if (got <= 0 || send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) close(fd);
        }
    }
}
