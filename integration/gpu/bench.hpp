// SPDX-License-Identifier: Apache-2.0
// Times by device events, ours and NCCL's in the same processes. The work of a series is queued behind a gate, so that no launch from
// the host is timed; the figure is the median of a rank, of the slowest rank.
#pragma once
#include <algorithm>
#include <functional>

#include "nccl.hpp"

enum Operation { ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, BROADCAST_, ALL_TO_ALL_ };
const char *const OPERATIONS[] = {"all-reduce", "reduce-scatter", "all-gather", "broadcast", "all-to-all"};

class Bench {
 public:
  Bench(Rank &r, Nccl &n) : rank(r), nccl(n) {
    for (int i = 0; i < 64; i++) {
      CUevent e;
      CU(cuEventCreate(&e, CU_EVENT_DEFAULT));
      events_.push_back(e);
    }
    for (int i = 0; i < MOST; i++) {
      CUstream s;
      CUevent e;
      CU(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
      CU(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
      side_.push_back(s);
      done_.push_back(e);
    }
    CU(cuEventCreate(&fork_, CU_EVENT_DISABLE_TIMING));
  }
  Rank &rank;
  Nccl &nccl;

  double microseconds(const std::function<void()> &work, int times) {
    for (int i = 0; i < 2; i++) work();
    CU(cuStreamSynchronize(rank.stream));
    rank.group.meet();
    CUdeviceptr word = rank.hostWordDevice(0);
    u64 open = ++gate_, limit = 10'000'000'000ull;
    void *arguments[] = {&word, &open, &limit};
    CU(cuLaunchKernel(rank.reference["gate"], 1, 1, 1, 1, 1, 1, 0, rank.stream, arguments, nullptr));
    for (int i = 0; i < times; i++) {
      work();
      CU(cuEventRecord(events_[i], rank.stream));
    }
    rank.group.meet();
    *rank.hostWord(0) = open;
    CU(cuStreamSynchronize(rank.stream));
    std::vector<float> each;
    for (int i = 1; i < times; i++) {
      float ms;
      CU(cuEventElapsedTime(&ms, events_[i - 1], events_[i]));
      each.push_back(ms * 1000);
    }
    std::sort(each.begin(), each.end());
    return rank.group.greatest(each[each.size() / 2]);
  }

  // Seen by a caller that waits for each call: launch to the end of the stream's work, on the host's clock.
  double hostMicroseconds(const std::function<void()> &work, int times) {
    std::vector<double> each;
    for (int i = 0; i < times; i++) {
      rank.group.meet();
      double begin = seconds();
      work();
      CU(cuStreamSynchronize(rank.stream));
      each.push_back((seconds() - begin) * 1e6);
    }
    std::sort(each.begin(), each.end());
    return rank.group.greatest(each[each.size() / 2]);
  }

  void ours(int operation, const std::string &way, u64 bytes, u64 variant, Shape shape) {
    if (way == "ce") {
      copyEngines(operation, bytes, shape);
      return;
    }
    u64 elements = operation == ALL_REDUCE || operation == REDUCE_SCATTER ? bytes / 4 : bytes;
    Call c = rank.call(elements, 1, 0, 0, 0, variant, operation == BROADCAST_);
    rank.launch(function(operation, way), c, shape);
  }

  double time(int operation, const std::string &way, u64 bytes, u64 variant, Shape shape, int times) {
    return microseconds([&] { ours(operation, way, bytes, variant, shape); }, times);
  }

 private:
  std::vector<CUevent> events_;
  std::vector<CUstream> side_;
  std::vector<CUevent> done_;
  CUevent fork_;
  u64 gate_ = 0;

  CUfunction function(int operation, const std::string &way) {
    static const char *const names[] = {"allReduceTwoShotFloat32", "reduceScatterFloat32", "allGather", "broadcast", "allToAll"};
    static CUfunction found[6] = {};
    int index = way == "one" ? 5 : operation;
    if (!found[index]) found[index] = rank.kernels[index == 5 ? "allReduceOneShotFloat32" : names[operation]];
    return found[index];
  }

  // Meets, fetches from each peer by a copy engine with a stream of its own, meets again. An all-reduce reduces its slice before.
  void copyEngines(int operation, u64 bytes, Shape shape) {
    int size = rank.group.size, me = rank.group.rank;
    u64 own = rank.target.own, block = bytes;
    if (operation == ALL_REDUCE) {
      block = bytes / size;
      rank.launch(rank.kernels["reduceScatterFloat32"], rank.call(block / 4, 1, 0, 0, me * block, 0), {shape.grid, shape.block});
    }
    rank.launch(rank.kernels["barrier"], rank.call(0, 0, 0, 0, 0, 0), {1, 128});
    CU(cuEventRecord(fork_, rank.stream));
    for (int k = 0; k < size; k++) {
      int r = (me + k) % size;
      if (operation == ALL_REDUCE && k == 0) continue;
      CU(cuStreamWaitEvent(side_[k], fork_, 0));
      u64 from = operation == ALL_REDUCE ? rank.target.mapped[r] + r * block
                 : operation == ALL_GATHER ? rank.source.mapped[r]
                                           : rank.source.mapped[r] + me * block;
      CU(cuMemcpyDtoDAsync(own + r * block, from, block, side_[k]));
      CU(cuEventRecord(done_[k], side_[k]));
      CU(cuStreamWaitEvent(rank.stream, done_[k], 0));
    }
    rank.launch(rank.kernels["barrier"], rank.call(0, 0, 0, 0, 0, 0), {1, 128});
  }
};

inline int timesFor(u64 bytes) { return bytes <= (1 << 20) ? 40 : bytes <= (64 << 20) ? 20 : 8; }
inline double gbs(u64 bytes, double us) { return bytes / us / 1000; }

struct Candidate {
  const char *way;
  u64 variant;
  Shape shape;
};

// What moves the large sizes: each way at each size, bytes that the link carries in one direction over the time.
inline int explore(Group &group, const std::string &path, u64 most) {
  Rank rank(group, path, most, Kind::IPC);
  Nccl nccl(rank);
  Bench bench(rank, nccl);
  bool lead = group.rank == 0;
  u64 n = group.size;
  for (int operation = 0; operation < 5; operation++) {
    u64 blocks = operation == ALL_REDUCE || operation == BROADCAST_ ? 1 : n;
    for (u64 total : {16ull << 20, 256ull << 20, 1024ull << 20}) {
      if (total > most) continue;
      u64 bytes = total / blocks;
      double carried = operation == ALL_REDUCE ? 2.0 * bytes * (n - 1) / n : operation == BROADCAST_ ? bytes : bytes * (n - 1);
      int times = timesFor(total);
      if (nccl) {
        double us = bench.microseconds([&] { nccl.run(operation, rank.source.own, rank.target.own, bytes); }, times);
        if (lead) printf("%-14s %5llu MiB NCCL              %9.1f us %6.1f GB/s\n", OPERATIONS[operation], total >> 20, us, carried / us / 1000);
      }
      std::vector<Candidate> list;
      u64 variants = operation == ALL_REDUCE || operation == BROADCAST_ ? 2 : operation == REDUCE_SCATTER ? 1 : 4;
      for (u64 v = 0; v < variants; v++)
        for (int grid : {32, 64, 132}) {
          list.push_back({"sm", v, {grid, 512}});
          if (grid == 132 && total >= (256 << 20)) list.push_back({"sm", v, {grid, 256}});
        }
      if (operation != REDUCE_SCATTER && operation != BROADCAST_) list.push_back({"ce", 0, {132, 512}});
      for (const Candidate &x : list) {
        double us = bench.time(operation, x.way, bytes, x.variant, x.shape, times);
        if (lead)
          printf("%-14s %5llu MiB %s variant %llu %3dx%3d %9.1f us %6.1f GB/s\n", OPERATIONS[operation], total >> 20, x.way, x.variant, x.shape.grid,
                 x.shape.block, us, carried / us / 1000);
        if (rank.verdict()) {
          printf("rank %d verdict %llx\n", group.rank, rank.verdict());
          return 1;
        }
      }
    }
  }
  for (u64 bytes : {1ull << 10, 8ull << 10, 64ull << 10, 256ull << 10, 1ull << 20}) {
    std::vector<Candidate> list;
    for (int grid : {1, 4, 16, 32, 64}) {
      if (bytes <= (256 << 10)) list.push_back({"one", 0, {grid, 512}});
      list.push_back({"sm", 0, {grid, 512}});
      list.push_back({"sm", 1, {grid, 512}});
    }
    if (nccl) {
      double us = bench.microseconds([&] { nccl.run(0, rank.source.own, rank.target.own, bytes); }, 40);
      double host = bench.hostMicroseconds([&] { nccl.run(0, rank.source.own, rank.target.own, bytes); }, 40);
      if (lead) printf("all-reduce %7llu B NCCL %7.1f us, host %7.1f us\n", bytes, us, host);
    }
    for (const Candidate &x : list) {
      double us = bench.time(ALL_REDUCE, x.way, bytes, x.variant, x.shape, 40);
      double host = bench.hostMicroseconds([&] { bench.ours(ALL_REDUCE, x.way, bytes, x.variant, x.shape); }, 40);
      if (lead) printf("all-reduce %7llu B %s variant %llu %3dx%3d %7.1f us, host %7.1f us\n", bytes, x.way, x.variant, x.shape.grid, x.shape.block, us, host);
    }
  }
  group.meet();
  return rank.verdict() ? 1 : 0;
}
