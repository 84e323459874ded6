// SPDX-License-Identifier: Apache-2.0
// Reductions that read the memory of the others, and of this device alone.
#pragma once
#include "copy.cuh"
#include "reduce.cuh"

__device__ __forceinline__ u64 differencesOfAll(const Call &c, const Room &room) {
  u64 differs = 0;
  for (u32 r = 0; r < c.size; r++) {
    differs |= (room.source[r] ^ room.source[0]) | (room.target[r] ^ room.source[0]);
  }
  return differs;
}

// Each rank reduces its slice out of all sources. Variant 0 writes it into all targets at once; variant 1 into its own, and after
// a barrier fetches the slices of the others.
template <class T> __device__ __forceinline__ void allReduceTwoShot(const Call &c, Room &room) {
  if (!begin(c, room)) return;
  int op = static_cast<int>(c.reduction);
  u32 size = static_cast<u32>(c.size);
  Cut cut = cutOf<T>(room.source[0], differencesOfAll(c, room), c.count);
  __shared__ u64 aligned[MAX_RANKS];
  if (threadIdx.x < size) aligned[threadIdx.x] = room.source[threadIdx.x] + cut.head * sizeof(T);
  __syncthreads();
  u64 from = partBegin(cut.vectors, c.rank, size), to = partBegin(cut.vectors, c.rank + 1, size);
  u64 headFrom = partBegin(cut.head, c.rank, size), headTo = partBegin(cut.head, c.rank + 1, size);
  u64 mine = room.target[c.rank];
  if (c.variant == 0) {
    u64 shift = cut.head * sizeof(T);
    reduceAligned<T>(op, aligned, size, ofLaunch(from, to), [&](u64 i, const Vector &v) {
      for (u32 k = 0; k < size; k++) {
        u32 r = static_cast<u32>(c.rank) + k;
        storeVector(room.target[r < size ? r : r - size] + shift + i * 16, v);
      }
    });
    auto single = [&](u64 i, T x) {
      for (u32 r = 0; r < size; r++) reinterpret_cast<T *>(room.target[r])[i] = x;
    };
    reduceSingle<T>(op, room.source, size, ofLaunch(headFrom, headTo), single);
    if (c.rank == c.size - 1) reduceSingle<T>(op, room.source, size, ofLaunch(cut.end, c.count), single);
  } else {
    u64 base = mine + cut.head * sizeof(T);
    reduceAligned<T>(op, aligned, size, ofLaunch(from, to), [&](u64 i, const Vector &v) { storeVector(base + i * 16, v); });
    auto single = [&](u64 i, T x) { reinterpret_cast<T *>(mine)[i] = x; };
    reduceSingle<T>(op, room.source, size, ofLaunch(headFrom, headTo), single);
    if (c.rank == c.size - 1) reduceSingle<T>(op, room.source, size, ofLaunch(cut.end, c.count), single);
    if (!reach(c, room, MIDDLE)) return;
    for (u32 k = 1; k < size; k++) {
      u64 r = c.rank + k < c.size ? c.rank + k : c.rank + k - c.size;
      u64 first = partBegin(cut.vectors, r, size), last = partBegin(cut.vectors, r + 1, size);
      u64 at = cut.head * sizeof(T) + first * 16;
      copyVectors(mine + at, room.target[r] + at, last - first, lane(), lanes());
      first = partBegin(cut.head, r, size);
      last = partBegin(cut.head, r + 1, size);
      copyWords<T>(mine + first * sizeof(T), room.target[r] + first * sizeof(T), last - first, lane(), lanes());
      if (r == c.size - 1) {
        copyWords<T>(mine + cut.end * sizeof(T), room.target[r] + cut.end * sizeof(T), c.count - cut.end, lane(), lanes());
      }
    }
  }
  reach(c, room, DEPART);
}

// Count is that of one block. Each rank reduces its block out of all sources.
template <class T> __device__ __forceinline__ void reduceBlock(const Call &c, Room &room) {
  int op = static_cast<int>(c.reduction);
  u32 size = static_cast<u32>(c.size);
  __shared__ u64 block[MAX_RANKS];
  __shared__ u64 aligned[MAX_RANKS];
  u64 target = room.target[c.rank];
  u64 differs = 0;
  for (u32 r = 0; r < size; r++) differs |= (room.source[r] + c.rank * c.count * sizeof(T)) ^ target;
  Cut cut = cutOf<T>(target, differs, c.count);
  if (threadIdx.x < size) {
    block[threadIdx.x] = room.source[threadIdx.x] + c.rank * c.count * sizeof(T);
    aligned[threadIdx.x] = block[threadIdx.x] + cut.head * sizeof(T);
  }
  __syncthreads();
  u64 base = target + cut.head * sizeof(T);
  reduceAligned<T>(op, aligned, size, ofLaunch(0, cut.vectors), [&](u64 i, const Vector &v) { storeVector(base + i * 16, v); });
  auto single = [&](u64 i, T x) { reinterpret_cast<T *>(target)[i] = x; };
  reduceSingle<T>(op, block, size, ofLaunch(0, cut.head), single);
  reduceSingle<T>(op, block, size, ofLaunch(cut.end, c.count), single);
}

template <class T> __device__ __forceinline__ void reduceScatter(const Call &c, Room &room) {
  if (!begin(c, room)) return;
  reduceBlock<T>(c, room);
  reach(c, room, DEPART);
}

// Operands of this device alone, as many as size, whose addresses are at bases; no rank is waited for.
template <class T> __device__ __forceinline__ void reduceLocal(const Call &c, Room &room) {
  u32 size = static_cast<u32>(c.size);
  int op = static_cast<int>(c.reduction);
  __shared__ u64 aligned[MAX_RANKS];
  u64 differs = 0;
  for (u32 r = 0; r < size; r++) differs |= reinterpret_cast<const u64 *>(c.bases)[r] ^ c.target;
  Cut cut = cutOf<T>(c.target, differs, c.count);
  if (threadIdx.x < size) {
    room.source[threadIdx.x] = reinterpret_cast<const u64 *>(c.bases)[threadIdx.x];
    aligned[threadIdx.x] = room.source[threadIdx.x] + cut.head * sizeof(T);
  }
  __syncthreads();
  u64 base = c.target + cut.head * sizeof(T);
  reduceAligned<T>(op, aligned, size, ofLaunch(0, cut.vectors), [&](u64 i, const Vector &v) { storeVector(base + i * 16, v); });
  auto single = [&](u64 i, T x) { reinterpret_cast<T *>(c.target)[i] = x; };
  reduceSingle<T>(op, room.source, size, ofLaunch(0, cut.head), single);
  reduceSingle<T>(op, room.source, size, ofLaunch(cut.end, c.count), single);
}
