// SPDX-License-Identifier: Apache-2.0
// A rank of bin/bench collectives over Gloo. Arguments: port of the benchmark, rank, ranks, folder to meet in, algorithm:
// ring or halving-doubling.
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/barrier.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/rendezvous/prefix_store.h>
#include <gloo/transport/tcp/device.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control.h"

namespace {

class Rank {
public:
    Rank(int rank, int ranks, const std::string &folder, const std::string &algorithm) : halving_(algorithm != "ring") {
        gloo::transport::tcp::attr attributes;
        attributes.hostname = "127.0.0.1";
        gloo::rendezvous::FileStore store(folder);
        auto context = std::make_shared<gloo::rendezvous::Context>(rank, ranks);
        auto device = gloo::transport::tcp::CreateDevice(attributes);
        context->connectFullMesh(store, device);
        context_ = context;
    }

    double *values(size_t count) {
        if (values_.size() != count) {
            values_.assign(count, 0.0);
            operation_ = make();
        }
        return values_.data();
    }

    void sum(long operations) {
        for (long i = 0; i < operations; i++) {
            operation_();
        }
    }

    void barrier() {
        gloo::BarrierOptions options(context_);
        gloo::barrier(options);
    }

private:
    std::function<void()> make() {
        if (halving_) {
            auto algorithm = std::make_shared<gloo::AllreduceHalvingDoubling<double>>(
                context_, std::vector<double *>{values_.data()}, static_cast<int>(values_.size()));
            return [algorithm] { algorithm->run(); };
        }
        auto options = std::make_shared<gloo::AllreduceOptions>(context_);
        options->setOutput(values_.data(), values_.size());
        options->setAlgorithm(gloo::AllreduceOptions::Algorithm::RING);
        void (*add)(void *, const void *, const void *, size_t) = &gloo::sum<double>;
        options->setReduceFunction(add);
        return [options] { gloo::allreduce(*options); };
    }

    const bool halving_;
    std::shared_ptr<gloo::Context> context_;
    std::vector<double> values_;
    std::function<void()> operation_;
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 6) {
        return 2;
    }
    int number = atoi(argv[2]);
    int ranks = atoi(argv[3]);
    Rank rank(number, ranks, argv[4], argv[5]);
    control control = control_open(atoi(argv[1]), number);
    command command;
    while (control_next(&control, &command)) {
        size_t count = command.bytes / sizeof(double);
        double *values = rank.values(count);
        if (strcmp(command.name, "check") == 0) {
            for (size_t i = 0; i < count; i++) {
                values[i] = contribution(number, i);
            }
            rank.sum(1);
            control_answer(&control, count_wrong(values, count, ranks), 0);
        } else {
            memset(values, 0, command.bytes);
            rank.sum(1 + command.operations / 10);
            long long waited = nanos_waited();
            rank.barrier();
            long long start = nanos_now();
            rank.sum(command.operations);
            long long nanos = nanos_now() - start;
            control_answer(&control, nanos, nanos_waited() - waited);
        }
    }
    return 0;
}
