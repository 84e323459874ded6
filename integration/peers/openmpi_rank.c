// SPDX-License-Identifier: Apache-2.0
// A rank of bin/bench collectives over MPI. Argument: port of the benchmark.
#include <mpi.h>

#include "control.h"

static double *values;

static void reserve(size_t bytes) {
    static size_t reserved;
    if (bytes > reserved) {
        free(values);
        values = (double *) aligned_alloc(64, (bytes + 63) & ~(size_t) 63);
        if (values == NULL) {
            perror("rank: no memory");
            exit(1);
        }
        reserved = bytes;
    }
}

static void sum(size_t count, long operations) {
    for (long i = 0; i < operations; i++) {
        MPI_Allreduce(MPI_IN_PLACE, values, (int) count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    }
}

int main(int argc, char **argv) {
    int rank, ranks;
    struct command command;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    struct control control = control_open(atoi(argv[1]), rank);
    while (control_next(&control, &command)) {
        size_t count = command.bytes / sizeof(double);
        reserve(command.bytes);
        if (strcmp(command.name, "check") == 0) {
            for (size_t i = 0; i < count; i++) {
                values[i] = contribution(rank, i);
            }
            sum(count, 1);
            control_answer(&control, count_wrong(values, count, ranks), 0);
        } else {
            memset(values, 0, command.bytes);
            sum(count, 1 + command.operations / 10);
            long long waited = nanos_waited();
            MPI_Barrier(MPI_COMM_WORLD);
            long long start = nanos_now();
            sum(count, command.operations);
            long long nanos = nanos_now() - start;
            control_answer(&control, nanos, nanos_waited() - waited);
        }
    }
    MPI_Finalize();
    return 0;
}
