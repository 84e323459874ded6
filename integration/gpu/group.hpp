// SPDX-License-Identifier: Apache-2.0
// Ranks as processes with one GPU each, which they alone see; what they tell each other goes through a page shared before the fork,
// and file descriptors through sockets made then.
#pragma once
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>

#include "driver.hpp"

constexpr int MOST = 16;

struct Board {
  std::atomic<int> arrived, generation, present, launched, ended, go;
  char slot[MOST][4096];
};

struct Group {
  int rank = 0, size = 0, gpus = 0;
  Board *board = nullptr;
  int socket[MOST][MOST];

  void meet() {
    int generation = board->generation.load();
    if (board->arrived.fetch_add(1) + 1 == board->present.load()) {
      board->arrived = 0;
      board->generation++;
      return;
    }
    double begin = seconds(), limit = begin + 120;
    while (board->generation.load() == generation) {
      double at = seconds();
      if (at > limit) {
        fprintf(stderr, "rank %d: others did not come\n", rank);
        _exit(4);
      }
      if (at - begin > 0.01) usleep(50);
    }
  }
  template <class T> std::vector<T> exchange(const T &mine) {
    memcpy(board->slot[rank], &mine, sizeof(T));
    meet();
    std::vector<T> all(size);
    for (int r = 0; r < size; r++) memcpy(&all[r], board->slot[r], sizeof(T));
    meet();
    return all;
  }
  double greatest(double mine) {
    double most = mine;
    for (double x : exchange(mine)) most = x > most ? x : most;
    return most;
  }
  void sendDescriptor(int to, int descriptor) {
    char byte = 0;
    iovec io{&byte, 1};
    char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    m.msg_control = room;
    m.msg_controllen = sizeof room;
    cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &descriptor, sizeof(int));
    if (sendmsg(socket[rank][to], &m, 0) != 1) perror("sendmsg"), _exit(3);
  }
  int receiveDescriptor(int from) {
    char byte;
    iovec io{&byte, 1};
    char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    m.msg_control = room;
    m.msg_controllen = sizeof room;
    if (recvmsg(socket[rank][from], &m, 0) != 1) perror("recvmsg"), _exit(3);
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    return descriptor;
  }
};

// Forks the ranks and returns the number of them that failed. `watch` runs in the parent with their process ids.
inline int fork_ranks(int size, int gpus, const std::function<int(Group &)> &body,
                      const std::function<void(Group &, const std::vector<pid_t> &)> &watch = {}, int expectedKilled = -1) {
  Group group;
  group.size = size;
  group.gpus = gpus;
  group.board = static_cast<Board *>(mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  group.board->present = size;
  for (int a = 0; a < size; a++)
    for (int b = a + 1; b < size; b++) {
      int pair[2];
      if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) perror("socketpair"), exit(3);
      group.socket[a][b] = pair[0];
      group.socket[b][a] = pair[1];
    }
  std::vector<pid_t> pids;
  fflush(stdout);
  for (int r = 0; r < size; r++) {
    pid_t pid = fork();
    if (pid == 0) {
      group.rank = r;
      setenv("CUDA_VISIBLE_DEVICES", std::to_string(r % gpus).c_str(), 1);
      int code = body(group);
      fflush(stdout);
      _exit(code);
    }
    pids.push_back(pid);
  }
  if (watch) watch(group, pids);
  int failed = 0;
  for (int r = 0; r < size; r++) {
    int status;
    waitpid(pids[r], &status, 0);
    bool good = r == expectedKilled ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!good) {
      failed++;
      fprintf(stderr, "rank %d ended with status %x\n", r, status);
    }
  }
  munmap(group.board, sizeof(Board));
  return failed;
}
