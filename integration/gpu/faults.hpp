// SPDX-License-Identifier: Apache-2.0
// A rank that dies or stands still while the others wait for it inside a kernel.
#pragma once
#include <csignal>
#include <cmath>

#include "check.hpp"

inline bool waitFor(const std::function<bool()> &condition, double limit) {
  for (double end = seconds() + limit; seconds() < end; usleep(200))
    if (condition()) return true;
  return false;
}

inline const char *codeOf(u64 verdict) { return verdict >> 60 == 1 ? "TIMED_OUT" : verdict >> 60 == 2 ? "DESYNC" : verdict ? "?" : "none"; }

// A rank that died after it gave all its lines is not missed in that call, but in the next.
inline bool reports(Rank &rank, const char *what, double since, u64 most, bool mayComplete = false) {
  CUresult result = cuStreamSynchronize(rank.stream);
  double took = seconds() - since;
  u64 v = rank.verdict();
  bool good = result == CUDA_SUCCESS && (v >> 60 == 1 || (mayComplete && v == 0)) && took < most;
  printf("%s: rank %d of %d: kernel ended after %.0f ms with %s, phase %llu, rank missed %llu, sequence %llu (limit %.0f ms), driver says %s: %s\n",
         what, rank.group.rank, rank.group.size, took * 1000, codeOf(v), v >> 32 & 0xffff, v >> 48 & 0xfff, v & 0xffffffff, rank.limitNanos / 1e6,
         nameOf(result).c_str(), good ? "ok" : "FAILED");
  return good;
}

// What is left forms a new group of a new epoch on the same regions, and must compute rightly.
inline bool goesOn(Rank &rank, const char *what, int size) {
  rank.group.size = size;
  rank.epoch++;
  rank.limitNanos = 10'000'000'000ull;
  rank.writeTable(size);
  Tally tally;
  checkReductions(rank, tally, TYPES[0], true);
  printf("%s: rank %d goes on with %d ranks: %llu checks, %llu failures\n", what, rank.group.rank, size, tally.checks, tally.failures);
  return tally.failures == 0;
}

enum Way { TWO_SHOT, ONE_SHOT, STAGED };
const char *const WAYS[] = {"two-shot", "one-shot", "staged"};

inline void work(Rank &rank, int way) {
  if (way == ONE_SHOT) {
    rank.launch("allReduceOneShotFloat32", rank.call(1024, 1, 0, 0, 0, 0), Shape{2, 512});
  } else if (way == TWO_SHOT) {
    rank.launch("allReduceTwoShotFloat32", rank.call(8 << 20, 1, 0, 0, 0, 1), Shape{132, 512});
  } else {
    rank.launch("allReduceStagedFloat32", rank.call(8 << 20, 1, 0, 0, 0, 0), Shape{132, 256});
  }
}

// The last rank is killed: before it launched, or while its own kernel runs and waits for the others.
inline int killed(const std::string &dir, int gpus, int ranks) {
  int failed = 0;
  for (int inside = 0; inside < 2; inside++)
    for (int way = 0; way < 3; way++) {
      std::string name = std::string("kill -9 ") + (inside ? "inside its kernel, " : "before its launch, ") + WAYS[way];
      failed += fork_ranks(
          ranks, gpus,
          [&](Group &group) {
            Rank rank(group, dir, 64 << 20, Kind::IPC);
            work(rank, way);
            CU(cuStreamSynchronize(rank.stream));
            group.meet();
            rank.limitNanos = 1'500'000'000ull;
            if (group.rank == ranks - 1) {
              rank.limitNanos = 20'000'000'000ull;
              if (inside) work(rank, way);
              usleep(20000);
              group.board->launched++;
              pause();
            }
            if (inside) waitFor([&] { return group.board->go.load() == 1; }, 20);
            double begin = seconds();
            work(rank, way);
            if (!inside) group.board->launched++;
            bool good = reports(rank, name.c_str(), begin, 3, inside && way == ONE_SHOT);
            begin = seconds();
            work(rank, (way + 1) % 3);
            CU(cuStreamSynchronize(rank.stream));
            printf("%s: rank %d: the next call ended after %.1f ms with %s\n", name.c_str(), group.rank, (seconds() - begin) * 1000, codeOf(rank.verdict()));
            good = good && rank.verdict() >> 60 == 1;
            waitFor([&] { return group.board->go.load() == 1; }, 20);
            good = goesOn(rank, name.c_str(), ranks - 1) && good;
            group.meet();
            return good ? 0 : 1;
          },
          [&](Group &group, const std::vector<pid_t> &pids) {
            waitFor([&] { return group.board->launched.load() == (inside ? 1 : ranks); }, 60);
            usleep(100000);
            kill(pids[ranks - 1], SIGKILL);
            siginfo_t info;
            waitid(P_PID, pids[ranks - 1], &info, WEXITED | WNOWAIT);
            group.board->present = ranks - 1;
            group.board->go = 1;
          },
          ranks - 1);
    }
  return failed;
}

// The last rank is stopped before its launch, and goes on after the others gave up.
inline int frozen(const std::string &dir, int gpus, int ranks) {
  return fork_ranks(
      ranks, gpus,
      [&](Group &group) {
        Rank rank(group, dir, 64 << 20, Kind::IPC);
        work(rank, TWO_SHOT);
        CU(cuStreamSynchronize(rank.stream));
        group.meet();
        rank.limitNanos = 1'500'000'000ull;
        bool last = group.rank == ranks - 1;
        if (last) raise(SIGSTOP);
        double begin = seconds();
        work(rank, TWO_SHOT);
        bool good = reports(rank, last ? "SIGSTOP, then SIGCONT" : "SIGSTOP of another rank", begin, last ? 1 : 3);
        group.board->ended++;
        group.meet();
        good = goesOn(rank, "SIGSTOP", ranks) && good;
        group.meet();
        return good ? 0 : 1;
      },
      [&](Group &group, const std::vector<pid_t> &pids) {
        waitFor([&] { return group.board->ended.load() == ranks - 1; }, 60);
        kill(pids[ranks - 1], SIGCONT);
      });
}

// Ranks that call different things: all of them end with a verdict, long before the limit where a rank can tell.
inline int differing(Group &group, const std::string &dir) {
  Rank rank(group, dir, 64 << 20, Kind::IPC);
  int failures = 0;
  bool odd = group.rank == group.size - 1;
  struct Case {
    const char *name, *others, *last;
    u64 count, lastCount;
  };
  const Case cases[] = {{"other count, one-shot", "allReduceOneShotFloat32", "allReduceOneShotFloat32", 1000, 1001},
                        {"other count, two-shot", "allReduceTwoShotFloat32", "allReduceTwoShotFloat32", 1000, 1001},
                        {"other count, staged", "allReduceStagedFloat32", "allReduceStagedFloat32", 100000, 100001},
                        {"one-shot with two-shot", "allReduceOneShotFloat32", "allReduceTwoShotFloat32", 1000, 1001},
                        {"gather with exchange", "allGatherLines", "allToAllLines", 512, 513}};
  for (const Case &c : cases) {
    rank.limitNanos = 3'000'000'000ull;
    CU(cuStreamSynchronize(rank.stream));
    group.meet();
    double begin = seconds();
    rank.launch(odd ? c.last : c.others, rank.call(odd ? c.lastCount : c.count, 1, 0, 0, 0, 0), Shape{2, 128});
    CUresult result = cuStreamSynchronize(rank.stream);
    double took = seconds() - begin;
    bool good = result == CUDA_SUCCESS && rank.verdict() >> 60 == 2 && took < 1;
    printf("differing: %s: rank %d ended after %.1f ms with %s, rank %llu: %s\n", c.name, group.rank, took * 1000, codeOf(rank.verdict()), rank.verdict() >> 48 & 0xfff,
           good ? "ok" : "FAILED");
    failures += !good;
    group.meet();
    rank.epoch++;
    rank.writeTable(group.size);
  }
  return failures + !goesOn(rank, "differing", group.size);
}
