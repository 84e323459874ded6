// SPDX-License-Identifier: Apache-2.0
// Reductions in which ranks only write over the link.
#pragma once
#include "direct.cuh"

// The k-th of the others, from 1. Blocks take them in different orders, so that all are written to at any time.
__device__ __forceinline__ u32 peerOf(const Call &c, u32 k) {
  u32 size = static_cast<u32>(c.size), r = static_cast<u32>(c.rank) + 1 + (k - 1 + blockIdx.x) % (size - 1);
  return r < size ? r : r - size;
}

// Nothing is read over the link: each block gives each rank the chunk that it reduces, in the scratch region of that rank, and reduces
// the chunks that it was given before. One word to each rank a turn, turn + 1: the chunk of this turn is there, and that of the last
// one was used. A chunk of turn t lies where that of t - 3 lay: it is written after the words of turn t - 2 were heard, which say that.
template <class T, class From, class Out, class After>
__device__ __forceinline__ bool reduceStaged(const Call &c, const Room &room, u64 longest, From from, Out out, After after) {
  int op = static_cast<int>(c.reduction);
  u32 size = static_cast<u32>(c.size);
  __shared__ u64 operand[MAX_RANKS];
  u64 chunks = (longest + c.chunk - 1) / c.chunk;
  u64 turns = (chunks + gridDim.x - 1) / gridDim.x;
  auto scratch = [&](u64 of, u64 by, u64 turn) {
    return room.bases[c.size + of] + ((blockIdx.x * 3 + turn % 3) * c.size + by) * c.chunk * 16;
  };
  for (u64 turn = 0; turn <= turns; turn++) {
    if (turn >= 3 && !hear(c, room, turn - 1)) return false;
    u64 begin = (turn * gridDim.x + blockIdx.x) * c.chunk;
    for (u32 k = 1; turn < turns && k < size; k++) {
      u32 r = peerOf(c, k);
      Pair slice = from(r);  // address, vectors
      if (begin < slice.second) {
        u64 n = slice.second - begin < c.chunk ? slice.second - begin : c.chunk;
        copyVectors<4>(scratch(r, c.rank, turn), slice.first + begin * 16, n, threadIdx.x, blockDim.x);
      }
    }
    if (turn > 0) {
      if (!hear(c, room, turn)) return false;
      u64 before = begin - gridDim.x * c.chunk;
      Pair slice = from(static_cast<u32>(c.rank));
      if (before < slice.second) {
        u64 n = slice.second - before < c.chunk ? slice.second - before : c.chunk;
        if (threadIdx.x < size) {
          operand[threadIdx.x] = threadIdx.x == c.rank ? slice.first + before * 16 : scratch(c.rank, threadIdx.x, turn - 1);
        }
        __syncthreads();
        reduceAligned<T, 4>(op, operand, size, ofBlock(0, n), [&](u64 i, const Vector &v) { out(before + i, v); });
        after(before, n);
      }
    }
    tell(c, turn + 1);
  }
  return hear(c, room, turns + 1);
}

template <class T> __device__ __forceinline__ void allReduceStaged(const Call &c, Room &room) {
  if (!begin(c, room)) return;
  int op = static_cast<int>(c.reduction);
  u32 size = static_cast<u32>(c.size);
  Cut cut = cutOf<T>(room.source[0], differencesOfAll(c, room), c.count);
  auto single = [&](u64 i, T x) {
    for (u32 r = 0; r < size; r++) reinterpret_cast<T *>(room.target[r])[i] = x;
  };
  reduceSingle<T>(op, room.source, size, ofLaunch(partBegin(cut.head, c.rank, size), partBegin(cut.head, c.rank + 1, size)), single);
  if (c.rank == c.size - 1) reduceSingle<T>(op, room.source, size, ofLaunch(cut.end, c.count), single);
  u64 shift = cut.head * sizeof(T);
  u64 source = room.source[c.rank] + shift;
  u64 mine = partBegin(cut.vectors, c.rank, size);
  u64 target = room.target[c.rank] + shift + mine * 16;
  reduceStaged<T>(
      c, room, partBegin(cut.vectors, 1, size),
      [&](u32 r) -> Pair {
        u64 first = partBegin(cut.vectors, r, size);
        return {source + first * 16, partBegin(cut.vectors, r + 1, size) - first};
      },
      [&](u64 i, const Vector &v) { storeVector(target + i * 16, v); },
      [&](u64 i, u64 n) {
        __syncthreads();
        for (u32 k = 1; k < size; k++) {
          copyVectors<4>(room.target[peerOf(c, k)] + shift + (mine + i) * 16, target + i * 16, n, threadIdx.x, blockDim.x);
        }
      });
}

template <class T> __device__ __forceinline__ void reduceScatterStaged(const Call &c, Room &room) {
  if (!begin(c, room)) return;
  u64 bytes = c.count * sizeof(T);
  u64 target = room.target[c.rank];
  u64 differs = bytes | target;
  for (u32 r = 0; r < c.size; r++) differs |= room.source[r];
  if ((differs & 15) != 0) {
    reduceBlock<T>(c, room);
    reach(c, room, DEPART);
    return;
  }
  reduceStaged<T>(
      c, room, bytes / 16, [&](u32 r) -> Pair { return {room.source[c.rank] + r * bytes, bytes / 16}; },
      [&](u64 i, const Vector &v) { storeVector(target + i * 16, v); }, [](u64, u64) {});
}
