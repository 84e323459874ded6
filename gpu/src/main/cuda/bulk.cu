// SPDX-License-Identifier: Apache-2.0
// Copies to peers by the bulk copy engine of compute capability 9.0 and newer: device memory to shared memory to the peer.
#include "copy.cuh"

constexpr u32 TILE = 8192, STAGES = 4, AHEAD = 2;

__device__ __forceinline__ u32 sharedAddress(const void *p) { return static_cast<u32>(__cvta_generic_to_shared(p)); }

__device__ __forceinline__ void awaitTile(u32 barrier, u32 parity) {
  asm volatile(
      "{ .reg .pred p; W: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1; @p bra D; bra W; D: }" ::"r"(barrier), "r"(parity)
      : "memory");
}

// One thread: tiles first, first + step, ... of the bytes. All addresses and the length are multiples of 16.
__device__ __forceinline__ void copyBulk(u64 target, u64 source, u64 bytes, u64 first, u64 step, char *stage, u64 *full) {
  u64 tiles = (bytes + TILE - 1) / TILE;
  u64 mine = first < tiles ? (tiles - first + step - 1) / step : 0;
  auto load = [&](u64 i) {
    u64 at = (first + i * step) * TILE;
    u32 n = static_cast<u32>(bytes - at < TILE ? bytes - at : TILE);
    u32 barrier = sharedAddress(full + i % STAGES);
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(n) : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                     sharedAddress(stage + i % STAGES * TILE)),
                 "l"(source + at), "r"(n), "r"(barrier)
                 : "memory");
  };
  for (u64 i = 0; i < AHEAD && i < mine; i++) load(i);
  for (u64 i = 0; i < mine; i++) {
    if (i + AHEAD < mine) {
      asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(STAGES - AHEAD - 1) : "memory");
      load(i + AHEAD);
    }
    awaitTile(sharedAddress(full + i % STAGES), static_cast<u32>(i / STAGES & 1));
    u64 at = (first + i * step) * TILE;
    u32 n = static_cast<u32>(bytes - at < TILE ? bytes - at : TILE);
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(target + at),
                 "r"(sharedAddress(stage + i % STAGES * TILE)), "r"(n)
                 : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
  }
  asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
}

// One rank served by each block; one in twelve serves this rank's own block.
extern "C" __global__ void __launch_bounds__(32) allToAllBulk(const __grid_constant__ Call c) {
  __shared__ Room room;
  __shared__ alignas(128) char stage[STAGES * TILE];
  __shared__ u64 full[STAGES];
  if (threadIdx.x == 0) {
    for (u32 s = 0; s < STAGES; s++) asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(sharedAddress(full + s)));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  if (!begin(c, room)) return;
  u32 others = static_cast<u32>(c.size) - 1, me = static_cast<u32>(c.rank), own = gridDim.x / 12;
  if (threadIdx.x == 0) {
    u32 r = me, index = blockIdx.x / 12, blocks = own;
    if (blockIdx.x % 12 != 11) {
      u32 serving = gridDim.x - own, n = blockIdx.x - blockIdx.x / 12, k = n % others;
      blocks = (serving - k + others - 1) / others;
      index = n / others;
      r = me + 1 + k;
      r = r <= others ? r : r - others - 1;
    }
    copyBulk(room.target[r] + c.rank * c.count, room.source[c.rank] + r * c.count, c.count, index, blocks, stage, full);
  }
  reach(c, room, DEPART);
}
