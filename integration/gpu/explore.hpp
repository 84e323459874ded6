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
    for (u64 chunk : {1024, 1536, 2048, 3072, 4096})
      for (Shape shape : {Shape{132, 256}, Shape{264, 256}, Shape{396, 256}}) {
        shape.chunk = chunk;
        if (large || chunk < 4096) list.push_back({"staged", 0, shape});
      }
  } else if (operation == BROADCAST_) {
    for (u64 chunk : {256, 512, 1024, 2048})
      for (Shape shape : {Shape{32, 512}, Shape{64, 256}, Shape{64, 512}, Shape{132, 512}, Shape{132, 256}, Shape{264, 128}, Shape{264, 256}}) {
        shape.chunk = chunk;
        list.push_back({"sm", 1, shape});
      }
  } else {
    for (Shape shape : {Shape{48, 512}, Shape{96, 512}, Shape{120, 512}, Shape{132, 256}, Shape{132, 512}, Shape{264, 256}}) list.push_back({"sm", 0, shape});
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
  for (int operation = 0; operation < 5; operation++)
    for (u64 total : {1ull << 10, 8ull << 10, 64ull << 10, 128ull << 10, 256ull << 10, 512ull << 10, 1ull << 20, 4ull << 20}) {
      u64 bytes = total / (operation == ALL_REDUCE || operation == BROADCAST_ ? 1 : n);
      std::vector<Candidate> list;
      int threads = (int)((bytes + 7) / 8);
      if (bytes <= (512 << 10))
        for (int block : {128, 256, 512})
          for (int each : {1, 2}) {
            int grid = (threads + block * each - 1) / (block * each);
            if (grid <= 264 && (grid > 1 || each == 1)) list.push_back({"lines", 0, {grid, block}});
          }
      for (int grid : {1, 8, 16, 32, 64, 132})
        if (total > 4096 || grid == 1) list.push_back({"sm", 0, {grid, 512}});
      if (operation == BROADCAST_ && total >= (512 << 10)) 
        for (u64 chunk : {64, 256, 512}) list.push_back({"sm", 1, {132, 256, chunk}});
      if (nccl) {
        auto work = [&] { nccl.run(operation, rank.source.own, rank.target.own, bytes); };
        double us = bench.microseconds(work, 40), single = bench.singleMicroseconds(work, 40);
        if (lead) printf("%-14s %8llu B NCCL %7.1f us, single %7.1f us\n", OPERATIONS[operation], total, us, single);
      }
      for (const Candidate &x : list) {
        double us = bench.time(operation, x.way, bytes, x.variant, x.shape, 40);
        double single = bench.singleMicroseconds([&] { bench.ours(operation, x.way, bytes, x.variant, x.shape); }, 40);
        if (lead) printf("%-14s %8llu B %s %llu %3dx%3d %7.1f us, single %7.1f us\n", OPERATIONS[operation], total, x.way, x.variant, x.shape.grid, x.shape.block, us, single);
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

// Single questions, asked again and again while the kernels change.
inline int probe(Group &group, const std::string &path) {
  Rank rank(group, path, 1ull << 30, Kind::IPC);
  Nccl nccl(rank);
  Bench bench(rank, nccl);
  bool lead = group.rank == 0;
  u64 n = group.size;
  struct Question {
    int operation;
    u64 total;
    std::vector<Candidate> list;
  };
  std::vector<Question> questions;
  std::vector<Candidate> engines;
  for (u64 variant : {0, 1, 2, 3}) engines.push_back({"ce", variant, {264, 256, 1024}});
  for (int operation : {ALL_REDUCE, ALL_GATHER, ALL_TO_ALL_})
    for (u64 total : {16ull << 20, 64ull << 20, 256ull << 20, 1ull << 30}) {
      questions.push_back({operation, total, engines});
      if (operation == ALL_REDUCE) questions.back().list.push_back({"staged", 0, {512, 128, 1024}});
      if (operation != ALL_REDUCE) questions.back().list.push_back({"sm", 0, {264, 256, 0}});
    }
  for (u64 total : {256ull << 10, 512ull << 10, 1ull << 20})
    questions.push_back({BROADCAST_, total, {{"lines", 1, {64, 512}}, {"lines", 1, {128, 512}}, {"lines", 1, {256, 256}}, {"lines", 1, {256, 512}}}});
  for (u64 total : {2ull << 20, 4ull << 20})
    questions.push_back({BROADCAST_, total, {{"sm", 1, {64, 512, 256}}, {"sm", 1, {132, 256, 128}}, {"sm", 1, {132, 256, 256}}, {"sm", 1, {132, 512, 256}}}});
  for (const Question &q : questions) {
    u64 bytes = q.total / (q.operation == ALL_REDUCE || q.operation == BROADCAST_ ? 1 : n);
    double carried = q.operation == ALL_REDUCE ? 2.0 * bytes * (n - 1) / n : q.operation == BROADCAST_ ? bytes : bytes * (n - 1);
    int times = timesFor(q.total);
    double us = bench.microseconds([&] { nccl.run(q.operation, rank.source.own, rank.target.own, bytes); }, times);
    if (lead) printf("%-14s %8llu B NCCL %9.1f us %6.1f GB/s\n", OPERATIONS[q.operation], q.total, us, carried / us / 1000);
    for (const Candidate &x : q.list) {
      us = bench.time(q.operation, x.way, bytes, x.variant, x.shape, times);
      if (lead) printf("%-14s %8llu B %s %llu %3dx%3d chunk %4llu %9.1f us %6.1f GB/s\n", OPERATIONS[q.operation], q.total, x.way, x.variant, x.shape.grid, x.shape.block, x.shape.chunk, us, carried / us / 1000);
      if (rank.verdict()) {
        printf("rank %d verdict %llx\n", group.rank, rank.verdict());
        return 1;
      }
    }
  }
  group.meet();
  return 0;
}
