// SPDX-License-Identifier: Apache-2.0
// Facts of the driver that the design stands on: lazy loading, kinds of memory, rates of the paths.
#pragma once
#include <thread>

#include "ranks.hpp"

// A resident kernel, a kernel behind it, and a copy on another stream: how long the copy takes.
inline int stallOnce(Group &, const std::string &dir, const char *loading, bool preload) {
  setenv("CUDA_MODULE_LOADING", loading, 1);
  CUdevice device;
  CUcontext context;
  CU(cuInit(0));
  CU(cuDeviceGet(&device, 0));
  CU(cuDevicePrimaryCtxRetain(&context, device));
  CU(cuCtxSetCurrent(context));
  std::string text = contentOf(dir + "/reference.ptx");
  CUmodule module;
  CUfunction gate, tail;
  CU(cuModuleLoadData(&module, text.c_str()));
  CU(cuModuleGetFunction(&gate, module, "gate"));
  if (preload) CU(cuModuleGetFunction(&tail, module, "tail"));
  CUstream resident, other;
  CU(cuStreamCreate(&resident, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  u64 *pinned;
  CUdeviceptr word, memory;
  CU(cuMemHostAlloc((void **)&pinned, 4096, CU_MEMHOSTALLOC_DEVICEMAP));
  CU(cuMemHostGetDevicePointer(&word, pinned, 0));
  CU(cuMemAlloc(&memory, 4096));
  pinned[0] = 0;
  CU(cuMemcpyHtoDAsync(memory, pinned, 4096, other));
  CU(cuCtxSynchronize());
  u64 open = 1, limit = 2'000'000'000ull;
  void *arguments[] = {&word, &open, &limit};
  double begin = seconds();
  CU(cuLaunchKernel(gate, 1, 1, 1, 1, 1, 1, 0, resident, arguments, nullptr));
  double launched = 0;
  std::thread host([&] {
    CU(cuCtxSetCurrent(context));
    if (!preload) CU(cuModuleGetFunction(&tail, module, "tail"));
    void *one[] = {&memory};
    CU(cuLaunchKernel(tail, 1, 1, 1, 1, 1, 1, 0, resident, one, nullptr));
    launched = seconds() - begin;
  });
  usleep(50000);
  double copyBegin = seconds();
  CU(cuMemcpyHtoDAsync(memory, pinned, 4096, other));
  CU(cuStreamSynchronize(other));
  double copied = seconds() - copyBegin;
  host.join();
  CU(cuStreamSynchronize(resident));
  printf("stall: CUDA_MODULE_LOADING=%s, %s: copy on another stream took %.1f ms, launch of the tail kernel %.1f ms, resident kernel 2000 ms\n", loading,
         preload ? "tail kernel fetched before" : "tail kernel not fetched", copied * 1000, launched * 1000);
  return 0;
}

inline int stall(const std::string &dir) {
  int failed = 0;
  for (const char *loading : {"LAZY", "EAGER"})
    for (bool preload : {false, true}) failed += fork_ranks(1, 1, [&](Group &g) { return stallOnce(g, dir, loading, preload); });
  return failed;
}

inline double rate(Rank &rank, u64 bytes, const std::function<void()> &work) {
  CUevent a, b;
  CU(cuEventCreate(&a, 0));
  CU(cuEventCreate(&b, 0));
  work();
  float best = 1e30;
  for (int i = 0; i < 5; i++) {
    float ms;
    CU(cuEventRecord(a, rank.stream));
    work();
    CU(cuEventRecord(b, rank.stream));
    CU(cuEventSynchronize(b));
    CU(cuEventElapsedTime(&ms, a, b));
    best = ms < best ? ms : best;
  }
  return bytes / best / 1e6;
}

inline int memory(Group &group, const std::string &dir) {
  double begin = seconds();
  Rank rank(group, dir, 512 << 20, Kind::IPC);
  double ready = seconds() - begin;
  bool lead = group.rank == 0;
  if (lead) {
    int driver, fabric, posix;
    char name[100], bus[32];
    CU(cuDriverGetVersion(&driver));
    CU(cuDeviceGetName(name, 100, rank.device));
    CU(cuDeviceGetPCIBusId(bus, 32, rank.device));
    CU(cuDeviceGetAttribute(&fabric, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED, rank.device));
    CU(cuDeviceGetAttribute(&posix, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, rank.device));
    printf("memory: %s at %s, driver %d, fabric attribute %d, posix attribute %d, context and %zu kernels and regions after %.0f ms\n", name, bus, driver,
           fabric, posix, rank.kernels.count(), ready * 1000);
    CUmemAllocationProp property{};
    property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    property.requestedHandleTypes = CU_MEM_HANDLE_TYPE_FABRIC;
    property.location = {CU_MEM_LOCATION_TYPE_DEVICE, {rank.device}};
    size_t grain = 0;
    CUresult code = cuMemGetAllocationGranularity(&grain, &property, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    printf("memory: FABRIC granularity %zu: %s\n", grain, nameOf(code).c_str());
    CUmemGenericAllocationHandle handle;
    code = cuMemCreate(&handle, 2 << 20, &property, 0);
    printf("memory: cuMemCreate with FABRIC says %s\n", nameOf(code).c_str());
    if (code == CUDA_SUCCESS) cuMemRelease(handle);
    int channel = access("/dev/nvidia-caps-imex-channels/channel0", F_OK);
    printf("memory: /dev/nvidia-caps-imex-channels/channel0 %s\n", channel == 0 ? "is there" : "is not there");
    // External memory of a pool: what the driver says of it.
    CUdeviceptr pooled;
    CU(cuMemAllocAsync(&pooled, 1 << 20, rank.stream));
    CUipcMemHandle ipc;
    printf("memory: cuIpcGetMemHandle of cuMemAllocAsync memory says %s\n", nameOf(cuIpcGetMemHandle(&ipc, pooled)).c_str());
    for (CUdeviceptr p : {pooled, rank.source.own, rank.hostWordDevice(0), group.size > 1 ? rank.source.mapped[1] : rank.source.own}) {
      unsigned type = 0, legacy = 0, handles = 0, managed = 0;
      CUmemoryPool pool = nullptr;
      cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, p);
      cuPointerGetAttribute(&legacy, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE, p);
      cuPointerGetAttribute(&handles, CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES, p);
      cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, p);
      cuPointerGetAttribute(&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, p);
      printf("memory: address kind: memory type %u, legacy IPC %u, handle types %u, managed %u, of a pool %d\n", type, legacy, handles, managed, pool != nullptr);
    }
  }
  group.meet();
  int peer = (group.rank + 1) % group.size;
  void *host;
  CU(cuMemHostAlloc(&host, 256 << 20, 0));
  u64 bytes = 256 << 20;
  Region posix = rank.share(bytes, Kind::POSIX_FD);
  struct Block {
    u64 source, target, bytes;
  };
  for (int both = 0; both < 2; both++) {
    group.meet();
    if (!both && !lead) continue;
    struct Row {
      const char *name;
      std::function<void()> work;
    };
    CUdeviceptr mine = rank.target.own, theirs = rank.source.mapped[peer], fd = posix.mapped[peer];
    u64 blocks = bytes / 4096;
    std::vector<Block> list(blocks);
    for (u64 b = 0; b < blocks; b++) list[b] = {theirs + (b * 40503 % blocks) * 4096, mine + b * 4096, 4096};
    CUdeviceptr device;
    CU(cuMemAlloc(&device, blocks * sizeof(Block)));
    CU(cuMemcpyHtoD(device, list.data(), blocks * sizeof(Block)));
    u64 few = 4096;
    void *arguments[] = {&device, &blocks}, *fewArguments[] = {&device, &few};
    auto gather = [&](void **a, int grid) { CU(cuLaunchKernel(rank.kernels["gatherBlocks"], grid, 1, 1, 512, 1, 1, 0, rank.stream, a, nullptr)); };
    const Row rows[] = {{"copy engine, fetched from the peer (IPC)", [&] { CU(cuMemcpyDtoDAsync(mine, theirs, bytes, rank.stream)); }},
                        {"copy engine, written to the peer (IPC)", [&] { CU(cuMemcpyDtoDAsync(theirs, mine, bytes, rank.stream)); }},
                        {"copy engine, fetched from the peer (POSIX_FD)", [&] { CU(cuMemcpyDtoDAsync(mine, fd, bytes, rank.stream)); }},
                        {"copy engine, within the device", [&] { CU(cuMemcpyDtoDAsync(mine, rank.source.own, bytes, rank.stream)); }},
                        {"pinned host to device", [&] { CU(cuMemcpyHtoDAsync(mine, host, bytes, rank.stream)); }},
                        {"device to pinned host", [&] { CU(cuMemcpyDtoHAsync(host, mine, bytes, rank.stream)); }},
                        {"65,536 blocks of 4 KiB from the peer, one launch", [&] { gather(arguments, 264); }}};
    for (const Row &row : rows) {
      double r = rate(rank, bytes, row.work);
      if (lead) printf("memory: %s, %s: %.1f GB/s\n", both ? "all ranks at once" : "one rank", row.name, r);
    }
    double r = rate(rank, few * 4096, [&] { gather(fewArguments, 132); });
    double c = rate(rank, few * 4096, [&] {
      for (u64 b = 0; b < few; b++) CU(cuMemcpyDtoDAsync(list[b].target, list[b].source, 4096, rank.stream));
    });
    if (lead) printf("memory: 4,096 blocks of 4 KiB from the peer: one launch %.1f GB/s, a copy each %.2f GB/s\n", r, c);
    CU(cuMemFree(device));
  }
  group.meet();
  return 0;
}

// How long the kernels take to load, each form in a process of its own: the driver's cache of compiled PTX is used by the second.
inline int loading(const std::string &dir) {
  int failed = 0;
  for (const char *file : {"/collectives.ptx", "/collectives.ptx", "/collectives.ptx", "/collectives.cubin"}) {
    static int round = 0;
    bool cached = round++ > 0;
    failed += fork_ranks(1, 1, [&](Group &) {
      if (!cached) setenv("CUDA_CACHE_DISABLE", "1", 1);
      CUdevice device;
      CUcontext context;
      double begin = seconds();
      CU(cuInit(0));
      CU(cuDeviceGet(&device, 0));
      CU(cuDevicePrimaryCtxRetain(&context, device));
      CU(cuCtxSetCurrent(context));
      double ready = seconds();
      Module module(dir + file);
      printf("loading: %s%s: context %.0f ms, %zu kernels %.0f ms\n", file, cached ? "" : " without the driver's cache", (ready - begin) * 1000, module.count(),
             (seconds() - ready) * 1000);
      return 0;
    });
  }
  return failed;
}
