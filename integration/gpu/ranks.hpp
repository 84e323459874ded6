// SPDX-License-Identifier: Apache-2.0
// One rank: its device, its regions mapped by all others, and launches of the kernels under test.
#pragma once
#include "group.hpp"

enum class Kind { IPC, POSIX_FD };

struct Region {
  CUdeviceptr own = 0;
  size_t bytes = 0;
  std::vector<CUdeviceptr> mapped;  // by rank; the own address for this rank
};

struct Shape {
  int grid = 132, block = 512;
  u64 chunk = 0;  // vectors; 0 keeps the last
};

class Rank {
 public:
  Group &group;
  CUdevice device;
  CUcontext context;
  CUstream stream;
  Module kernels, reference, bulk;
  Region control, scratch, source, target;
  u64 chunk = 4096;
  u64 sequence = 0, epoch = 1;
  u64 limitNanos = 20'000'000'000ull;
  static constexpr u64 SCRATCH = 256 << 20;
  static constexpr u64 LINE_WORDS = 131072;  // lines for 1 MiB of one rank

  Rank(Group &g, const std::string &path, size_t bytes, Kind kind)
      : group(g), context(start()), kernels(path + "/collectives.ptx"), reference(path + "/reference.ptx"), bulk(path + "/bulk.ptx") {
    CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CU(cuMemHostAlloc(reinterpret_cast<void **>(&report_), 4096, CU_MEMHOSTALLOC_DEVICEMAP));
    memset(report_, 0, 4096);
    CU(cuMemHostGetDevicePointer(&reportDevice_, report_, 0));
    CU(cuMemAlloc(&table_, 8 * 1024));
    CU(cuMemAlloc(&outcome_, 64));
    control = share(1048576 + 2 * g.size * LINE_WORDS * 16, kind);
    scratch = share(SCRATCH, kind);
    source = share(bytes, kind);
    target = share(bytes, kind);
    writeTable(g.size);
  }

  Region share(size_t bytes, Kind kind) { return kind == Kind::IPC ? shareIpc(bytes) : sharePosix(bytes); }

  // All zero, and known to all before anyone goes on.
  void writeTable(int size) {
    size_ = size;
    std::vector<u64> table;
    for (Region *r : {&control, &scratch, &source, &target})
      for (int k = 0; k < size; k++) table.push_back(r->mapped[k]);
    CU(cuMemcpyHtoD(table_, table.data(), table.size() * 8));
    CU(cuMemsetD8(control.own, 0, control.bytes));
    report_[0] = 0;
    CU(cuCtxSynchronize());
    group.meet();
  }

  Call call(u64 count, u64 reduction, u64 root, u64 sourceOffset, u64 targetOffset, u64 variant, bool inPlace = false) {
    Call c{};
    c.rank = group.rank;
    c.size = size_;
    c.ticket = epoch << 48 | ++sequence << 16;
    c.limitNanos = limitNanos;
    c.count = count;
    c.reduction = reduction;
    c.root = root;
    c.source = (inPlace ? 3ull : 2ull) << 48 | sourceOffset;
    c.target = 3ull << 48 | targetOffset;
    c.bases = table_;
    c.slots = 4;
    c.chunk = chunk;
    c.ownSource = (inPlace ? target.own : source.own) + sourceOffset;
    c.ownTarget = target.own + targetOffset;
    for (int r = 0; r < size_ && r < 8; r++) c.near[r] = control.mapped[r];
    c.control = control.own;
    c.report = reportDevice_;
    c.variant = variant;
    c.lineWords = LINE_WORDS;
    return c;
  }
  void launch(const std::string &kernel, Call c, Shape s = {}) { launch(kernels[kernel], c, s); }
  void launch(CUfunction f, Call c, Shape s) {
    c.signature = c.signature ? c.signature : (u64)s.grid << 40 ^ c.count << 8 ^ c.reduction << 4 ^ c.variant;
    if ((c.count > 0 && s.block == 0) || (u64)s.grid * 3 * c.size * c.chunk * 16 > SCRATCH || s.grid > 512) fprintf(stderr, "grid %d and chunk %llu are too large\n", s.grid, c.chunk), _exit(3);
    void *arguments[] = {&c};
    CU(cuLaunchKernel(f, s.grid, 1, 1, s.block, 1, 1, 0, stream, arguments, nullptr));
  }

  void fill(const std::string &type, CUdeviceptr at, Task t) {
    t.address = at;
    void *arguments[] = {&t};
    CU(cuLaunchKernel(reference["fill" + type], 264, 1, 1, 256, 1, 1, 0, stream, arguments, nullptr));
  }
  struct Outcome {
    u64 wrong;
    double difference, norm;
    u64 poison;
  };
  Outcome check(const std::string &type, CUdeviceptr at, Task t, size_t bytes) {
    t.address = at;
    CU(cuMemsetD8Async(outcome_, 0, 64, stream));
    void *arguments[] = {&t, &outcome_};
    CU(cuLaunchKernel(reference["check" + type], 264, 1, 1, 256, 1, 1, 0, stream, arguments, nullptr));
    CUdeviceptr word = outcome_ + 24, ends[2] = {at - 64, at + bytes};
    u64 guard = 64;
    for (CUdeviceptr &end : ends) {
      if (end < target.own || end + 64 > target.own + target.bytes) continue;
      void *poison[] = {&end, &guard, &word};
      CU(cuLaunchKernel(reference["checkPoison"], 1, 1, 1, 64, 1, 1, 0, stream, poison, nullptr));
    }
    Outcome o;
    CU(cuMemcpyDtoHAsync(&o, outcome_, sizeof o, stream));
    CU(cuStreamSynchronize(stream));
    return o;
  }
  u64 verdict() const { return report_[0]; }
  volatile u64 *hostWord(int index) { return report_ + 8 + index; }
  CUdeviceptr hostWordDevice(int index) { return reportDevice_ + 64 + 8 * index; }

 private:
  CUdeviceptr table_ = 0, reportDevice_ = 0, outcome_ = 0;
  volatile u64 *reportVolatile_ = nullptr;
  u64 *report_ = nullptr;
  int size_ = 0;

  CUcontext start() {
    CU(cuInit(0));
    CU(cuDeviceGet(&device, 0));
    CUcontext c;
    CU(cuDevicePrimaryCtxRetain(&c, device));
    CU(cuCtxSetCurrent(c));
    return c;
  }

  Region shareIpc(size_t bytes) {
    Region region;
    region.bytes = bytes;
    CU(cuMemAlloc(&region.own, bytes));
    CUipcMemHandle handle;
    CU(cuIpcGetMemHandle(&handle, region.own));
    auto all = group.exchange(handle);
    for (int r = 0; r < group.size; r++) {
      CUdeviceptr at = region.own;
      if (r != group.rank) CU(cuIpcOpenMemHandle(&at, all[r], CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
      region.mapped.push_back(at);
    }
    return region;
  }

  CUdeviceptr map(CUmemGenericAllocationHandle handle, size_t bytes) {
    CUdeviceptr at;
    CU(cuMemAddressReserve(&at, bytes, 0, 0, 0));
    CU(cuMemMap(at, bytes, 0, handle, 0));
    CUmemAccessDesc access{};
    access.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    CU(cuMemSetAccess(at, bytes, &access, 1));
    return at;
  }

  Region sharePosix(size_t bytes) {
    CUmemAllocationProp property{};
    property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    property.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    property.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    size_t grain;
    CU(cuMemGetAllocationGranularity(&grain, &property, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
    Region region;
    region.bytes = (bytes + grain - 1) / grain * grain;
    CUmemGenericAllocationHandle handle;
    CU(cuMemCreate(&handle, region.bytes, &property, 0));
    int descriptor;
    CU(cuMemExportToShareableHandle(&descriptor, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
    region.own = map(handle, region.bytes);
    for (int r = 0; r < group.size; r++)
      if (r != group.rank) group.sendDescriptor(r, descriptor);
    for (int r = 0; r < group.size; r++) {
      if (r == group.rank) {
        region.mapped.push_back(region.own);
        continue;
      }
      int theirs = group.receiveDescriptor(r);
      CUmemGenericAllocationHandle imported;
      CU(cuMemImportFromShareableHandle(&imported, (void *)(uintptr_t)theirs, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
      close(theirs);
      region.mapped.push_back(map(imported, region.bytes));
    }
    close(descriptor);
    group.meet();
    return region;
  }
};
