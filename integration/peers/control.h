// SPDX-License-Identifier: Apache-2.0
// How a rank of a peer hears from bin/bench collectives: one line per command over loopback, one line back.
#ifndef MOONCAKE_BENCH_CONTROL_H
#define MOONCAKE_BENCH_CONTROL_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct control {
    FILE *in;
    FILE *out;
};

struct command {
    char name[16];
    size_t bytes;
    long operations;
};

// Connects and says which rank this is.
static struct control control_open(int port, int rank) {
    struct control control = {NULL, NULL};
    struct sockaddr_in address;
    int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short) port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_fd < 0 || connect(socket_fd, (struct sockaddr *) &address, sizeof address) != 0) {
        perror("rank: no way back to the benchmark");
        exit(1);
    }
    setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    control.in = fdopen(socket_fd, "r");
    control.out = fdopen(socket_fd, "w");
    fprintf(control.out, "%d\n", rank);
    fflush(control.out);
    return control;
}

// Waits for a command without using the processor; 0 when there are no more.
static int control_next(struct control *control, struct command *command) {
    char line[128];
    if (fgets(line, sizeof line, control->in) == NULL) {
        return 0;
    }
    return sscanf(line, "%15s %zu %ld", command->name, &command->bytes, &command->operations) == 3;
}

static void control_answer(struct control *control, long long value, long long waited) {
    fprintf(control->out, "%lld %lld 0\n", value, waited);
    fflush(control->out);
}

// How long this thread could have run so far but had no processor.
static long long nanos_waited(void) {
    long long ran = 0, waited = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    if (file != NULL) {
        if (fscanf(file, "%lld %lld", &ran, &waited) != 2) {
            waited = 0;
        }
        fclose(file);
    }
    return waited;
}

static long long nanos_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// What a rank contributes to a checked sum, and what the sum must be.
static double contribution(int rank, size_t i) { return (double) (rank + 1) + (double) (i % 1021); }

static long long count_wrong(const double *sums, size_t count, int ranks) {
    long long wrong = 0;
    for (size_t i = 0; i < count; i++) {
        double expected = ranks * (ranks + 1) / 2.0 + ranks * (double) (i % 1021);
        wrong += sums[i] != expected;
    }
    return wrong;
}

#endif
