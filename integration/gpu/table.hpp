// SPDX-License-Identifier: Apache-2.0
// The table: ours by the way that its size asks for, and NCCL, in the same run.
#pragma once
#include "bench.hpp"

// Ways by size, from `explore` on H200s.
inline Candidate chosen(int operation, u64 total, int) {
  if (operation == ALL_REDUCE && total <= (64 << 10)) return {"one", 0, {(int)std::max<u64>(1, total / 8 / 512), 512}};
  if (operation == ALL_REDUCE) return {"sm", (u64)(total >= (64 << 20) ? 1 : 0), {total <= (1 << 20) ? 32 : 132, 512}};
  int grid = total <= (64 << 10) ? 8 : total <= (1 << 20) ? 32 : 132;
  if (operation == BROADCAST_) return {"sm", (u64)(total > (1 << 20) ? 1 : 0), {grid, 512}};
  return {"sm", 0, {grid, 512}};
}

inline int table(Group &group, const std::string &path) {
  Rank rank(group, path, 1ull << 30, Kind::IPC);
  Nccl nccl(rank);
  Bench bench(rank, nccl);
  bool lead = group.rank == 0;
  u64 n = group.size;
  if (lead) printf("table: %d GPUs, NCCL %d, float32; medians in us behind a gate; host: launch to synchronised\n", group.size, nccl.version);
  for (int operation = 0; operation < 5; operation++)
    for (u64 total = 1024; total <= (1ull << 30); total *= total == 1024 ? 8 : total == (64 << 10) || total == (256 << 10) || total == (64ull << 20) || total == (256ull << 20) ? 4 : 8) {
      u64 bytes = operation == ALL_REDUCE || operation == BROADCAST_ ? total : total / n;
      double carried = operation == ALL_REDUCE ? 2.0 * bytes * (n - 1) / n : operation == BROADCAST_ ? bytes : bytes * (n - 1);
      int times = timesFor(total);
      Candidate x = chosen(operation, total, n);
      auto mine = [&] { bench.ours(operation, x.way, bytes, x.variant, x.shape); };
      auto theirs = [&] { nccl.run(operation, rank.source.own, rank.target.own, bytes); };
      double us = bench.microseconds(mine, times), other = nccl ? bench.microseconds(theirs, times) : 0;
      double host = 0, otherHost = 0;
      if (total <= (1 << 20)) {
        host = bench.hostMicroseconds(mine, 40);
        otherHost = nccl ? bench.hostMicroseconds(theirs, 40) : 0;
      }
      if (lead)
        printf("| %s | %llu | %s %llu %d | %.1f | %.1f | %.2f | %.1f / %.1f | %.1f / %.1f |\n", OPERATIONS[operation], total, x.way, x.variant, x.shape.grid, us, other,
               other / us, carried / us / 1000, other ? carried / other / 1000 : 0, host, otherHost);
      if (rank.verdict()) {
        printf("rank %d verdict %llx\n", group.rank, rank.verdict());
        return 1;
      }
    }
  group.meet();
  return 0;
}
