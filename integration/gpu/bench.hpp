// SPDX-License-Identifier: Apache-2.0
// Times by device events, ours and NCCL's in the same processes. A series is queued behind a gate, so that no launch from the host is
// timed, between two events: one after each call would add 3 us to all of them. The median of five series, of the slowest rank.
#pragma once
#include <algorithm>
#include <functional>

#include "nccl.hpp"

enum Operation { ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, BROADCAST_, ALL_TO_ALL_ };
const char *const OPERATIONS[] = {"all-reduce", "reduce-scatter", "all-gather", "broadcast", "all-to-all"};

class Bench {
 public:
  Bench(Rank &r, Nccl &n) : rank(r), nccl(n) {
    for (int i = 0; i < 2; i++) {
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
    std::vector<double> each;
    for (int row = 0; row < 5; row++) {
      work();
      CU(cuStreamSynchronize(rank.stream));
      rank.group.meet();
      CUdeviceptr word = rank.hostWordDevice(0);
      u64 open = ++gate_, limit = 10'000'000'000ull;
      void *arguments[] = {&word, &open, &limit};
      CU(cuLaunchKernel(rank.reference["gate"], 1, 1, 1, 1, 1, 1, 0, rank.stream, arguments, nullptr));
      work();
      CU(cuEventRecord(events_[0], rank.stream));
      for (int i = 0; i < times; i++) work();
      CU(cuEventRecord(events_[1], rank.stream));
      rank.group.meet();
      *rank.hostWord(0) = open;
      CU(cuStreamSynchronize(rank.stream));
      float ms;
      CU(cuEventElapsedTime(&ms, events_[0], events_[1]));
      each.push_back(ms * 1000 / times);
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

  // One call at a time between two events, launched by the host while the device is idle: as a caller's profiler sees it.
  double singleMicroseconds(const std::function<void()> &work, int times) {
    std::vector<float> each;
    for (int i = 0; i < times; i++) {
      rank.group.meet();
      CU(cuEventRecord(events_[0], rank.stream));
      work();
      CU(cuEventRecord(events_[1], rank.stream));
      CU(cuStreamSynchronize(rank.stream));
      float ms;
      CU(cuEventElapsedTime(&ms, events_[0], events_[1]));
      each.push_back(ms * 1000);
    }
    std::sort(each.begin(), each.end());
    return rank.group.greatest(each[each.size() / 2]);
  }

  void ours(int operation, const std::string &way, u64 bytes, u64 variant, Shape shape) {
    if (way == "ce") {
      copyEngines(operation, bytes, variant, shape);
      return;
    }
    if (shape.chunk) rank.chunk = shape.chunk;
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
    static const char *const direct[] = {"allReduceTwoShotFloat32", "reduceScatterFloat32", "allGather", "broadcast", "allToAll"};
    static const char *const lines[] = {"allReduceOneShotFloat32", "reduceScatterLinesFloat32", "allGatherLines", "broadcastLines", "allToAllLines"};
    static const char *const staged[] = {"allReduceStagedFloat32", "reduceScatterStagedFloat32"};
    static std::map<std::string, CUfunction> found[5];
    CUfunction &f = found[operation][way];
    if (!f) f = way == "bulk" ? rank.bulk["allToAllBulk"] : rank.kernels[way == "lines" ? lines[operation] : way == "staged" ? staged[operation] : direct[operation]];
    return f;
  }

  // Meets, copies by copy engines, meets again. Variant bit 0: writes, else fetches. Bit 1: one peer after the other, rank + 1 first, so
  // that each device is written by one at a time; else a stream for each peer. An all-reduce reduces its slice before.
  void copyEngines(int operation, u64 bytes, u64 variant, Shape shape) {
    int size = rank.group.size, me = rank.group.rank;
    u64 block = bytes;
    if (operation == ALL_REDUCE) {
      block = bytes / size;
      rank.chunk = shape.chunk ? shape.chunk : 1024;
      rank.launch(function(REDUCE_SCATTER, "staged"), rank.call(block / 4, 1, 0, 0, me * block, 0), shape);
    }
    rank.launch(rank.kernels["barrier"], rank.call(0, 0, 0, 0, 0, 0), {1, 128, 0});
    CU(cuEventRecord(fork_, rank.stream));
    auto source = [&](int of, int block_of) {
      return operation == ALL_REDUCE ? rank.target.mapped[of] + of * block
             : operation == ALL_GATHER ? rank.source.mapped[of]
                                       : rank.source.mapped[of] + block_of * block;
    };
    bool turns = (variant & 2) != 0;
    for (int k = operation == ALL_REDUCE ? 1 : 0; k < size; k++) {
      int r = (me + k) % size;
      CUstream stream = k == 0 ? side_[0] : turns ? rank.stream : side_[k];
      if (stream != rank.stream) CU(cuStreamWaitEvent(stream, fork_, 0));
      if ((variant & 1) == 0) {
        CU(cuMemcpyDtoDAsync(rank.target.own + r * block, source(r, me), block, stream));
      } else {
        CU(cuMemcpyDtoDAsync(rank.target.mapped[r] + me * block, source(me, r), block, stream));
      }
      if (stream != rank.stream) CU(cuEventRecord(done_[k], stream));
    }
    for (int k = operation == ALL_REDUCE ? 1 : 0; k < (turns ? 1 : size); k++) CU(cuStreamWaitEvent(rank.stream, done_[k], 0));
    rank.launch(rank.kernels["barrier"], rank.call(0, 0, 0, 0, 0, 0), {1, 128, 0});
  }
};

inline int timesFor(u64 bytes) { return bytes <= (1 << 20) ? 40 : bytes <= (64 << 20) ? 20 : 8; }
inline double gbs(u64 bytes, double us) { return bytes / us / 1000; }

struct Candidate {
  const char *way;
  u64 variant;
  Shape shape;
};

