// SPDX-License-Identifier: Apache-2.0
// What moves which size: every way with several shapes, bytes that the link carries in one direction over the time.
#pragma once
#include "bench.hpp"

inline std::vector<Candidate> candidates(int operation, u64 total) {
  std::vector<Candidate> list;
  bool large = total >= (64 << 20);
  auto grids = large ? std::vector<int>{16, 24, 32, 48, 132} : std::vector<int>{32, 64, 132};
  if (operation <= REDUCE_SCATTER) {
    for (int grid : grids) list.push_back({"sm", 0, {grid, 512}});
    if (operation == ALL_REDUCE)
      for (int grid : grids) list.push_back({"sm", 1, {grid, 512}});
    for (u64 chunk : {512, 2048, 4096})
      for (Shape shape : {Shape{48, 512}, Shape{64, 512}, Shape{96, 512}, Shape{132, 512}, Shape{264, 256}}) {
        shape.chunk = chunk;
        if (large || chunk < 4096) list.push_back({"staged", 0, shape});
      }
  } else if (operation == BROADCAST_) {
    for (u64 chunk : {512, 2048, 4096})
      for (Shape shape : {Shape{32, 512}, Shape{64, 512}, Shape{132, 512}, Shape{264, 256}}) {
        shape.chunk = chunk;
        list.push_back({"sm", 1, shape});
      }
  } else {
    for (Shape shape : {Shape{32, 512}, Shape{48, 512}, Shape{64, 512}, Shape{96, 512}, Shape{132, 256}, Shape{132, 512}, Shape{264, 256}}) list.push_back({"sm", 0, shape});
  }
  if (operation != REDUCE_SCATTER && operation != BROADCAST_) {
    list.push_back({"ce", 0, {32, 512}});
    list.push_back({"ce", 1, {32, 512}});
  }
  return list;
}

inline int explore(Group &group, const std::string &path, u64 most) {
  Rank rank(group, path, most, Kind::IPC);
  Nccl nccl(rank);
  Bench bench(rank, nccl);
  bool lead = group.rank == 0;
  u64 n = group.size;
  double empty = bench.microseconds([&] { CU(cuLaunchKernel(rank.reference["nothing"], 1, 1, 1, 32, 1, 1, 0, rank.stream, nullptr, nullptr)); }, 40);
  double meet = bench.microseconds([&] { rank.launch("barrier", rank.call(0, 0, 0, 0, 0, 0), {1, 128}); }, 40);
  if (lead) printf("an empty kernel and its event %.1f us, barrier %.1f us\n", empty, meet);
  for (u64 bytes : {1ull << 10, 8ull << 10, 64ull << 10, 256ull << 10, 512ull << 10, 1ull << 20, 2ull << 20, 8ull << 20}) {
    std::vector<Candidate> list;
    for (int grid : {1, 4, 16, 32, 64, 132}) {
      if (bytes <= (512 << 10) && (u64)grid * 4096 <= bytes * 2) list.push_back({"one", 0, {grid, 512}});
      if (bytes <= (512 << 10) && (u64)grid * 1024 <= bytes * 2) list.push_back({"one", 0, {grid, 128}});
      if (bytes > 8192) list.push_back({"sm", 0, {grid, 512}});
    }
    if (nccl) {
      auto work = [&] { nccl.run(0, rank.source.own, rank.target.own, bytes); };
      double us = bench.microseconds(work, 40), host = bench.hostMicroseconds(work, 40);
      if (lead) printf("all-reduce %7llu B NCCL %7.1f us, host %7.1f us\n", bytes, us, host);
    }
    for (const Candidate &x : list) {
      double us = bench.time(ALL_REDUCE, x.way, bytes, x.variant, x.shape, 40);
      double host = bench.hostMicroseconds([&] { bench.ours(ALL_REDUCE, x.way, bytes, x.variant, x.shape); }, 40);
      if (lead) printf("all-reduce %7llu B %s %llu %3dx%3d %7.1f us, host %7.1f us\n", bytes, x.way, x.variant, x.shape.grid, x.shape.block, us, host);
    }
  }
  for (int operation = 0; operation < 5; operation++)
    for (u64 total : {16ull << 20, 64ull << 20, 256ull << 20, 1024ull << 20}) {
      u64 bytes = total / (operation == ALL_REDUCE || operation == BROADCAST_ ? 1 : n);
      double carried = operation == ALL_REDUCE ? 2.0 * bytes * (n - 1) / n : operation == BROADCAST_ ? bytes : bytes * (n - 1);
      int times = timesFor(total);
      if (nccl) {
        double us = bench.microseconds([&] { nccl.run(operation, rank.source.own, rank.target.own, bytes); }, times);
        if (lead) printf("%-14s %5llu MiB NCCL %9.1f us %6.1f GB/s\n", OPERATIONS[operation], total >> 20, us, carried / us / 1000);
      }
      for (const Candidate &x : candidates(operation, total)) {
        double us = bench.time(operation, x.way, bytes, x.variant, x.shape, times);
        if (lead)
          printf("%-14s %5llu MiB %s %llu %3dx%3d chunk %4llu %9.1f us %6.1f GB/s\n", OPERATIONS[operation], total >> 20, x.way, x.variant, x.shape.grid,
                 x.shape.block, x.shape.chunk, us, carried / us / 1000);
        if (rank.verdict()) {
          printf("rank %d verdict %llx\n", group.rank, rank.verdict());
          return 1;
        }
      }
    }
  group.meet();
  return rank.verdict() ? 1 : 0;
}
