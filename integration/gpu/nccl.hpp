// SPDX-License-Identifier: Apache-2.0
// The few functions of NCCL that the comparison needs, found at run time; its header is not needed.
#pragma once
#include <dlfcn.h>

#include "ranks.hpp"

class Nccl {
 public:
  explicit Nccl(Rank &rank) : stream_(rank.stream), size_(rank.group.size) {
    const char *path = getenv("NCCL_LIBRARY");
    library_ = dlopen(path ? path : "libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library_) {
      if (rank.group.rank == 0) printf("no NCCL: %s\n", dlerror());
      return;
    }
    struct Id {
      char bytes[128];
    } id{};
    if (rank.group.rank == 0) need(get<int (*)(Id *)>("ncclGetUniqueId")(&id), "ncclGetUniqueId");
    id = rank.group.exchange(id)[0];
    get<int (*)(int *)>("ncclGetVersion")(&version);
    need(get<int (*)(void **, int, Id, int)>("ncclCommInitRank")(&communicator_, size_, id, rank.group.rank), "ncclCommInitRank");
    reduce_ = get<decltype(reduce_)>("ncclAllReduce");
    scatter_ = get<decltype(scatter_)>("ncclReduceScatter");
    gather_ = get<decltype(gather_)>("ncclAllGather");
    broadcast_ = get<decltype(broadcast_)>("ncclBroadcast");
    send_ = get<decltype(send_)>("ncclSend");
    receive_ = get<decltype(receive_)>("ncclRecv");
    start_ = get<decltype(start_)>("ncclGroupStart");
    end_ = get<decltype(end_)>("ncclGroupEnd");
  }
  explicit operator bool() const { return library_ != nullptr; }
  int version = 0;

  // Bytes as in the tables: the vector; of one rank's block for gather, scatter and exchange. Float32, sum.
  void run(int operation, u64 source, u64 target, u64 bytes) {
    const int FLOAT = 7, SUM = 0;
    void *s = (void *)source, *t = (void *)target;
    switch (operation) {
      case 0: need(reduce_(s, t, bytes / 4, FLOAT, SUM, communicator_, stream_), "ncclAllReduce"); return;
      case 1: need(scatter_(s, t, bytes / 4, FLOAT, SUM, communicator_, stream_), "ncclReduceScatter"); return;
      case 2: need(gather_(s, t, bytes / 4, FLOAT, communicator_, stream_), "ncclAllGather"); return;
      case 3: need(broadcast_(t, t, bytes / 4, FLOAT, 0, communicator_, stream_), "ncclBroadcast"); return;
      default:
        need(start_(), "ncclGroupStart");
        for (int r = 0; r < size_; r++) {
          need(send_((void *)(source + r * bytes), bytes / 4, FLOAT, r, communicator_, stream_), "ncclSend");
          need(receive_((void *)(target + r * bytes), bytes / 4, FLOAT, r, communicator_, stream_), "ncclRecv");
        }
        need(end_(), "ncclGroupEnd");
    }
  }

 private:
  void *library_ = nullptr, *communicator_ = nullptr;
  CUstream stream_;
  int size_;
  int (*reduce_)(void *, void *, size_t, int, int, void *, CUstream);
  int (*scatter_)(void *, void *, size_t, int, int, void *, CUstream);
  int (*gather_)(void *, void *, size_t, int, void *, CUstream);
  int (*broadcast_)(void *, void *, size_t, int, int, void *, CUstream);
  int (*send_)(void *, size_t, int, int, void *, CUstream);
  int (*receive_)(void *, size_t, int, int, void *, CUstream);
  int (*start_)();
  int (*end_)();

  template <class F> F get(const char *name) {
    void *f = dlsym(library_, name);
    if (!f) fprintf(stderr, "NCCL has no %s\n", name), _exit(3);
    return reinterpret_cast<F>(f);
  }
  static void need(int code, const char *what) {
    if (code != 0) fprintf(stderr, "%s: code %d\n", what, code), _exit(3);
  }
};
