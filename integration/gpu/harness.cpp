// SPDX-License-Identifier: Apache-2.0
// Proves the collective kernels on a GPU host. Usage: harness DIR MODE GPUS RANKS; DIR has the PTX.
#include <cmath>

#include "check.hpp"
#include "explore.hpp"
#include "faults.hpp"
#include "facts.hpp"
#include "table.hpp"

int main(int count, char **argument) {
  if (count < 5) {
    fprintf(stderr, "usage: %s DIR check|check-fd|check-small|check-tiny|explore|probe|table|killed|frozen|differing|stall|loading|memory GPUS RANKS\n", argument[0]);
    return 2;
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  setenv("NCCL_SOCKET_IFNAME", "lo", 0);
  setenv("NCCL_NVLS_ENABLE", "0", 1);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);  // else streams share queues, and copies wait for what is not theirs
  std::string dir = argument[1], mode = argument[2];
  int gpus = atoi(argument[3]), ranks = atoi(argument[4]);
  auto run = [&](auto body) { return fork_ranks(ranks, gpus, body); };
  if (mode == "check") return run([&](Group &g) { return checkAll(g, dir, Kind::IPC, false); });
  if (mode == "check-fd") return run([&](Group &g) { return checkAll(g, dir, Kind::POSIX_FD, false); });
  if (mode == "check-small") return run([&](Group &g) { return checkAll(g, dir, Kind::IPC, true); });
  if (mode == "check-tiny") return run([&](Group &g) { return checkAll(g, dir, Kind::IPC, true, true); });
  if (mode == "explore") return run([&](Group &g) { return explore(g, dir, 1ull << 30); });
  if (mode == "probe") return run([&](Group &g) { return probe(g, dir); });
  if (mode == "table") return run([&](Group &g) { return table(g, dir); });
  if (mode == "killed") return killed(dir, gpus, ranks);
  if (mode == "frozen") return frozen(dir, gpus, ranks);
  if (mode == "loading") return loading(dir);
  if (mode == "differing") return run([&](Group &g) { return differing(g, dir); });
  if (mode == "stall") return stall(dir);
  if (mode == "memory") return run([&](Group &g) { return memory(g, dir); });
  fprintf(stderr, "no mode %s\n", mode.c_str());
  return 2;
}
