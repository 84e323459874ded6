// SPDX-License-Identifier: Apache-2.0
// Every operation, type, reduction, alignment and way, on fresh random data, bit by bit and against float64.
#pragma once
#include "ranks.hpp"

struct Type {
  const char *name;
  int bytes;
  bool floating;
  double tolerance;  // relative, in the 2-norm, against float64
};

const Type TYPES[] = {{"Float32", 4, true, 1e-6},  {"Float16", 2, true, 1e-3},  {"Bfloat16", 2, true, 8e-3}, {"Float64", 8, true, 1e-15},
                      {"Int32", 4, false, 0},      {"Int64", 8, false, 0},      {"Int8", 1, false, 0},       {"Uint8", 1, false, 0}};

struct Tally {
  u64 checks = 0, failures = 0;
};

inline void judge(Rank &rank, Tally &tally, const Type &type, const char *what, const Rank::Outcome &o, u64 count, u64 reduction,
                  u64 from, u64 to, u64 variant) {
  tally.checks++;
  double relative = o.norm > 0 ? sqrt(o.difference / o.norm) : 0;
  bool good = o.wrong == 0 && o.poison == 0 && rank.verdict() == 0 && relative <= type.tolerance;
  if (!good && tally.failures++ < 5) {
    printf("FAILED rank %d %s %s count %llu reduction %llu offsets %llu %llu variant %llu: wrong %llu, relative %.3g, poison %llu, verdict %llx\n",
           rank.group.rank, what, type.name, count, reduction, from, to, variant, o.wrong, relative, o.poison, rank.verdict());
  }
}

inline void checkReductions(Rank &rank, Tally &tally, const Type &type, bool small, bool tiny = false) {
  struct Way {
    const char *kernel;
    u64 variant;
    u64 most;  // elements
  };
  const Way ways[] = {{"allReduceOneShot", 0, 524288 / (u64)type.bytes}, {"allReduceTwoShot", 0, ~0ull}, {"allReduceTwoShot", 1, ~0ull},
                      {"allReduceStaged", 0, ~0ull}, {"reduceScatter", 0, ~0ull}, {"reduceScatterStaged", 0, ~0ull},
                      {"reduceScatterLines", 0, 524288 / (u64)type.bytes}};
  std::vector<u64> counts = small ? std::vector<u64>{1, 37, 4099} : std::vector<u64>{1, 3, 17, 1000, 4099, 65541, 1048579};
  const u64 offsets[][2] = {{0, 0}, {3, 3}, {1, 2}};
  u64 size = rank.group.size, chunk = rank.chunk;
  rank.chunk = 64;
  for (const Way &way : ways)
    for (u64 op = 1; op <= 8; op++) {
      if (type.floating ? op > 5 : op == 5) continue;
      for (u64 count : counts)
        for (auto &offset : offsets)
          if (!tiny || (offset[0] == 0 && op == 1 && count == 4099)) for (int inPlace = 0; inPlace < 2; inPlace++) {
            if (count > way.most || (inPlace && way.kernel[0] == 'r')) continue;
            if (count > 5000 && op != 1 && op != 3) continue;
            bool scatter = way.kernel[0] == 'r';
            u64 from = 256 + offset[0] * type.bytes, to = 256 + offset[1] * type.bytes;
            Shape shape = count > 100000 ? Shape{132, 256} : count > 5000 ? Shape{24, 256} : Shape{2, 256};
            Task t{0, 0, scatter ? count * size : count, rank.sequence * 7919 + 13, (u64)rank.group.rank, size, op, 0, scatter ? count * rank.group.rank : 0};
            CU(cuMemsetD8Async(rank.target.own, 0xA5, to + count * type.bytes + 256, rank.stream));
            rank.fill(type.name, (inPlace ? rank.target.own + to : rank.source.own + from), t);
            rank.launch(std::string(way.kernel) + type.name, rank.call(count, op, 0, inPlace ? to : from, to, way.variant, inPlace), shape);
            t.count = count;
            auto o = rank.check(type.name, rank.target.own + to, t, count * type.bytes);
            judge(rank, tally, type, way.kernel, o, count, op, from, to, way.variant);
          }
    }
  rank.chunk = chunk;
}

inline void checkCopies(Rank &rank, Tally &tally, bool small) {
  const Type type = TYPES[6];
  u64 size = rank.group.size;
  std::vector<u64> counts = small ? std::vector<u64>{1, 4099} : std::vector<u64>{1, 3, 17, 1000, 4096, 4099, 65541, 3000001};
  const u64 offsets[][2] = {{0, 0}, {3, 3}, {4, 8}, {1, 2}};
  u64 chunk = rank.chunk;
  rank.chunk = 64;
  for (const char *kernel : {"allGather", "allToAll", "broadcast", "allGatherLines", "allToAllLines", "broadcastLines"})
    for (u64 variant = 0; variant < 2; variant++)
      for (u64 count : counts)
        for (auto &offset : offsets) {
          if (std::string(kernel).find("Lines") != std::string::npos && count > 524288) continue;
          bool all = kernel[0] == 'a', exchange = kernel[3] == 'T';
          bool own = kernel[3] == 'G' && variant == 1;  // in place: the source is this rank's block of the target
          if (exchange && variant > 0) continue;
          u64 from = 256 + offset[0], to = 256 + offset[1], root = count % size, total = all ? count * size : count;
          Task t{(u64)(!all ? 3 : exchange ? 2 : 1), 0, exchange ? total : count, rank.sequence * 104729 + 1, (u64)rank.group.rank, size, 1, root, 0};
          CU(cuMemsetD8Async(rank.target.own, 0xA5, to + total + 256, rank.stream));
          bool isRoot = own || (!all && (u64)rank.group.rank == root);
          u64 place = own ? to + rank.group.rank * count : to;
          rank.fill(type.name, isRoot ? rank.target.own + place : rank.source.own + from, t);
          Call c = rank.call(count, 0, root, isRoot ? place : from, to, variant, isRoot);
          rank.launch(kernel, c, count > 100000 ? Shape{132, 512} : Shape{3, 256});
          t.count = total;
          auto o = rank.check(type.name, rank.target.own + to, t, total);
          judge(rank, tally, type, kernel, o, count, 0, from, to, variant);
        }
  rank.chunk = chunk;
}

inline void checkBulk(Rank &rank, Tally &tally) {
  const Type type = TYPES[6];
  u64 size = rank.group.size;
  for (u64 count : {16ull, 8192ull, 8208ull, 3000000ull / 16 * 16}) {
    u64 total = count * size;
    Task t{2, 0, total, rank.sequence * 17 + 3, (u64)rank.group.rank, size, 1, 0, 0};
    CU(cuMemsetD8Async(rank.target.own, 0xA5, total + 512, rank.stream));
    rank.fill(type.name, rank.source.own + 256, t);
    rank.launch(rank.bulk["allToAllBulk"], rank.call(count, 0, 0, 256, 256, 0), Shape{count > 100000 ? 132 : 24, 32});
    auto o = rank.check(type.name, rank.target.own + 256, t, total);
    judge(rank, tally, type, "allToAllBulk", o, count, 0, 256, 256, 0);
  }
}

inline void checkLocal(Rank &rank, Tally &tally, const Type &type) {
  u64 size = rank.group.size, count = 70001, each = 1 << 20;
  for (u64 op = 1; op <= 4; op++) {
    std::vector<u64> operands;
    Task t{0, 0, count, rank.sequence * 31 + op + 99, 0, size, op, 0, 0};
    for (u64 r = 0; r < size; r++) {
      t.rank = r;
      operands.push_back(rank.source.own + r * each);
      rank.fill(type.name, operands.back(), t);
    }
    CUdeviceptr list;
    CU(cuMemAlloc(&list, 8 * size));
    CU(cuMemcpyHtoD(list, operands.data(), 8 * size));
    CU(cuMemsetD8Async(rank.target.own, 0xA5, 1 << 20, rank.stream));
    Call c = rank.call(count, op, 0, 0, 0, 0);
    c.bases = list;
    c.target = rank.target.own + 256;
    rank.launch(std::string("reduceLocal") + type.name, c, Shape{64, 256});
    auto o = rank.check(type.name, rank.target.own + 256, t, count * type.bytes);
    CU(cuMemFree(list));
    judge(rank, tally, type, "reduceLocal", o, count, op, 0, 256, 0);
  }
}

inline void checkBlocks(Rank &rank, Tally &tally, u64 blocks) {
  struct Block {
    u64 source, target, bytes;
  };
  const Type type = TYPES[6];
  int peer = (rank.group.rank + 1) % rank.group.size;
  Task t{3, 0, 16ull << 20, 4242 + rank.sequence, (u64)rank.group.rank, (u64)rank.group.size, 1, (u64)peer, 0};
  rank.fill(type.name, rank.source.own, t);
  CU(cuMemsetD8Async(rank.target.own, 0xA5, 16 << 20, rank.stream));
  CU(cuStreamSynchronize(rank.stream));
  rank.group.meet();
  std::vector<Block> list;
  u64 at = 0;
  for (u64 b = 0; b < blocks; b++) {  // pieces of one range, of uneven lengths and alignments, from the peer's memory
    u64 bytes = 1 + (b * 2654435761u) % 5000;
    list.push_back({rank.source.mapped[peer] + at, rank.target.own + 256 + at, bytes});
    at += bytes;
  }
  CUdeviceptr device;
  CU(cuMemAlloc(&device, list.size() * 24));
  CU(cuMemcpyHtoD(device, list.data(), list.size() * 24));
  void *arguments[] = {&device, &blocks};
  CU(cuLaunchKernel(rank.kernels["gatherBlocks"], 132, 1, 1, 512, 1, 1, 0, rank.stream, arguments, nullptr));
  t.count = at;
  auto o = rank.check(type.name, rank.target.own + 256, t, at);
  CU(cuMemFree(device));
  judge(rank, tally, type, "gatherBlocks", o, blocks, 0, 0, 256, 0);
  rank.group.meet();
}


// Calls of different kinds in a row without any other synchronisation, which show a line or a word that is written too early.
inline void checkMixture(Rank &rank, Tally &tally, int rounds) {
  const Type type = TYPES[4];
  u64 size = rank.group.size, count = 3000;
  const char *const kernels[] = {"allReduceOneShotInt32", "broadcastLines", "allReduceTwoShotInt32", "allGatherLines", "allReduceStagedInt32", "broadcast"};
  std::vector<Task> tasks;
  auto place = [&](int i) { return 4096 + (u64)i * 131072; };
  CU(cuMemsetD8Async(rank.target.own, 0xA5, place(rounds), rank.stream));
  for (int i = 0; i < rounds; i++) {
    u64 roll = (i * 2654435761u >> 7) % 6, root = i % size;
    bool isRoot = (u64)rank.group.rank == root && kernels[roll][0] == 'b';
    Task t{(u64)(kernels[roll][0] == 'b' ? 3 : kernels[roll][3] == 'G' ? 1 : 0), 0, count, (u64)i * 77 + 5, (u64)rank.group.rank, size, 1, root, 0};
    rank.fill(type.name, isRoot ? rank.target.own + place(i) : rank.source.own + place(i), t);
    tasks.push_back(t);
  }
  CU(cuStreamSynchronize(rank.stream));
  rank.group.meet();
  for (int i = 0; i < rounds; i++) {
    u64 roll = (i * 2654435761u >> 7) % 6, root = i % size;
    bool bytes = tasks[i].kind != 0, isRoot = (u64)rank.group.rank == root && tasks[i].kind == 3;
    rank.launch(kernels[roll], rank.call(bytes ? count * 4 : count, 1, root, place(i), place(i), 0, isRoot), Shape{6, 128, 64});
  }
  for (int i = 0; i < rounds; i++) {
    Task t = tasks[i];
    if (t.kind == 1) t.count = count * size;
    auto o = rank.check(type.name, rank.target.own + place(i), t, t.count * 4);
    judge(rank, tally, type, "mixture", o, count, 1, i, 0, 0);
  }
}

inline int checkAll(Group &group, const std::string &path, Kind kind, bool small, bool tiny = false) {
  Rank rank(group, path, 64 << 20, kind);
  Tally tally;
  for (const Type &type : TYPES) {
    checkReductions(rank, tally, type, small, tiny);
    if (!tiny) checkLocal(rank, tally, type);
  }
  checkCopies(rank, tally, small);
  checkBlocks(rank, tally, small ? 50 : 3000);
  if (size_t(group.size) > 1) checkBulk(rank, tally);
  for (int i = 0; i < (tiny ? 0 : small ? 1 : 10); i++) checkMixture(rank, tally, 400);
  for (int i = 0; i < 10; i++) rank.launch("barrier", rank.call(0, 0, 0, 0, 0, 0), Shape{1, 256});
  CU(cuStreamSynchronize(rank.stream));
  printf("check: rank %d of %d, %s: %llu checks, %llu failures, verdict %llx\n", group.rank, group.size,
         kind == Kind::IPC ? "legacy IPC" : "POSIX_FD", tally.checks, tally.failures, rank.verdict());
  group.meet();
  return tally.failures || rank.verdict() ? 1 : 0;
}
