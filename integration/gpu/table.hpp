// SPDX-License-Identifier: Apache-2.0
// The table: ours by the way that its size asks for, checked on fresh data first, and NCCL, in the same run.
#pragma once
#include <cmath>

#include "check.hpp"
#include "explore.hpp"

// One word for each thread.
inline Candidate byLines(u64 variant, u64 bytes) {
  u64 words = (bytes + 7) / 8, block = words <= 256 * 264 ? 256 : 512;
  return {"lines", variant, {(int)((words + block - 1) / block), (int)block}};
}

// Ways by size, from `explore` and `probe` on H200s.
inline Candidate chosen(int operation, u64 total, u64 n) {
  bool pair = n == 2;
  u64 bytes = operation == ALL_REDUCE || operation == BROADCAST_ ? total : total / n;
  const u64 K = 1024, M = K * K;
  switch (operation) {
    case ALL_REDUCE:
      if (total <= (pair ? 512 : 256) * K) return byLines(0, bytes);
      if (total < 4 * M) return {"sm", 0, {pair ? 64 : 16, 512}};
      if (total <= (pair ? 16 : 8) * M) return {"sm", 0, {total < 8 * M ? 32 : 132, 512}};
      if (total < 256 * M) return {"staged", 0, {pair || total >= 64 * M ? 264 : 132, 256, (u64)(pair ? 2048 : 1024)}};
      return pair || total % (n * 16) != 0 ? Candidate{"staged", 0, {264, 256, 2048}} : Candidate{"ce", 3, {264, 256, 1024}};
    case REDUCE_SCATTER:
      if (total <= M) return byLines(0, bytes);
      if (total <= 64 * M) return {"sm", 0, {pair && total > 4 * M ? 132 : 32, 512}};
      return {"staged", 0, {pair ? 396 : 264, 256, 2048}};
    case BROADCAST_:
      if (total <= M) return byLines(!pair && total >= 128 * K, bytes);
      if (pair) return {"sm", 0, {total < 256 * M ? 64 : 132, 512}};
      if (total <= 8 * M) return {"sm", 1, {132, 256, 256}};
      return {"sm", 1, {total < 256 * M ? 64 : 132, 512, (u64)(total < 256 * M ? 512 : 256)}};
    default:
      if (total <= M) return byLines(0, bytes);
      if (total < 256 * M) return {"sm", 0, {132, 512}};
      return {"ce", 3, {132, 256}};
  }
}

// Fresh random data, a poisoned target, one call as it will be timed, every element compared.
inline bool rightly(Rank &rank, Bench &bench, int operation, const Candidate &x, u64 bytes, u64 total) {
  const Type type = TYPES[0];
  u64 n = rank.group.size, me = rank.group.rank, elements = bytes / 4;
  const u64 kinds[] = {0, 0, 1, 3, 2};
  Task t{kinds[operation], 0, operation == ALL_GATHER ? elements : total / 4, rank.sequence * 6151 + total, me, n, 1, 0, operation == REDUCE_SCATTER ? me * elements : 0};
  CU(cuMemsetD8Async(rank.target.own, 0xA5, total, rank.stream));
  bool root = operation == BROADCAST_ && me == 0;
  rank.fill(type.name, root ? rank.target.own : rank.source.own, t);
  bench.ours(operation, x.way, bytes, x.variant, x.shape);
  t.count = operation == REDUCE_SCATTER ? elements : total / 4;
  auto o = rank.check(type.name, rank.target.own, t, t.count * 4);
  bool good = o.wrong == 0 && rank.verdict() == 0 && (o.norm == 0 || std::sqrt(o.difference / o.norm) < type.tolerance);
  return rank.group.greatest(good ? 0 : 1) == 0;
}

inline int table(Group &group, const std::string &path) {
  Rank rank(group, path, 1ull << 30, Kind::IPC);
  Nccl nccl(rank);
  Bench bench(rank, nccl);
  bool lead = group.rank == 0;
  u64 n = group.size;
  int failures = 0;
  if (lead) {
    printf("%d GPUs, NCCL %d, float32 sum. queued: events behind a gate; single: events around a call on an idle stream. us, GB/s per direction\n", group.size, nccl.version);
    printf("| operation | bytes | way | queued: ours | NCCL | NCCL / ours | single: ours | NCCL | NCCL / ours | GB/s: ours | NCCL | right |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  }
  for (int operation = 0; operation < 5; operation++)
    for (u64 total = 1024; total <= (1ull << 30); total *= 4) {
      bool whole = operation == ALL_REDUCE || operation == BROADCAST_;
      u64 bytes = whole ? total : total / n / 16 * 16;
      double carried = operation == ALL_REDUCE ? 2.0 * bytes * (n - 1) / n : operation == BROADCAST_ ? bytes : bytes * (n - 1);
      int times = timesFor(total), singles = total <= (4 << 20) ? 30 : 8;
      Candidate x = chosen(operation, total, n);
      bool right = rightly(rank, bench, operation, x, bytes, whole ? total : bytes * n);
      auto mine = [&] { bench.ours(operation, x.way, bytes, x.variant, x.shape); };
      auto theirs = [&] { nccl.run(operation, rank.source.own, rank.target.own, bytes); };
      double us = bench.microseconds(mine, times), single = bench.singleMicroseconds(mine, singles), other = 0, otherSingle = 0;
      if (nccl) {
        other = bench.microseconds(theirs, times);
        otherSingle = bench.singleMicroseconds(theirs, singles);
      }
      failures += !right || rank.verdict() != 0;
      if (lead)
        printf("| %s | %llu | %s %llu, %dx%d | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f | %.1f | %.1f | %s |\n", OPERATIONS[operation], total, x.way, x.variant, x.shape.grid,
               x.shape.block, us, other, other / us, single, otherSingle, otherSingle / single, carried / us / 1000, other > 0 ? carried / other / 1000 : 0, right ? "yes" : "NO");
    }
  group.meet();
  return failures;
}
