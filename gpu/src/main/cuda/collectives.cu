// SPDX-License-Identifier: Apache-2.0
// Collective kernels over the mapped memory of all ranks. Every rank launches the same kernel with the same grid.
#include "copy.cuh"
#include "reduce.cuh"

constexpr int THREADS = 512;  // of a block, at most

// Line by line: each rank writes its words, each with the ticket of the call beside it, into every other rank's line buffer, and
// reduces what arrives. One way over the link, no barrier. A line is written again two calls later; by then its reader has sent
// the words of the call between, and so was done.
template <class T> __device__ __forceinline__ u64 loadLine(u64 base, u64 word, u64 count) {
  constexpr u64 K = 8 / sizeof(T);
  u64 first = word * K;
  if ((base & 7) == 0 && first + K <= count) {
    return *reinterpret_cast<const volatile u64 *>(base + word * 8);
  }
  u64 line = 0;
  for (u64 k = 0; k < K && first + k < count; k++) {
    T x = loadElement<T>(base, first + k);
    memcpy(reinterpret_cast<char *>(&line) + k * sizeof(T), &x, sizeof(T));
  }
  return line;
}

template <class T> __device__ __forceinline__ void storeLine(u64 base, u64 word, u64 count, u64 line) {
  constexpr u64 K = 8 / sizeof(T);
  u64 first = word * K;
  if ((base & 7) == 0 && first + K <= count) {
    *reinterpret_cast<volatile u64 *>(base + word * 8) = line;
    return;
  }
  for (u64 k = 0; k < K && first + k < count; k++) {
    T x;
    memcpy(&x, reinterpret_cast<const char *>(&line) + k * sizeof(T), sizeof(T));
    reinterpret_cast<T *>(base)[first + k] = x;
  }
}

__device__ __forceinline__ u64 lineAt(const Call &c, u64 control, u64 rank, u64 word) {
  return control + LINES + ((((c.ticket >> 8) & 1) * c.size + rank) * c.lineWords + word) * 16;
}

template <class T, int N>
__device__ __forceinline__ bool reduceLines(const Call &c, Room &room, u64 source, u64 target, u64 words) {
  using L = Lanes<T, 8>;
  int op = static_cast<int>(c.reduction);
  for (u64 w = lane(); w < words; w += lanes()) {
    u64 mine = loadLine<T>(source, w, c.count);
    Pair got[N];
#pragma unroll
    for (int r = 0; r < N; r++) {
      if (r != c.rank) storePair(lineAt(c, room.bases[r], c.rank, w), mine, c.ticket);
    }
    u64 missing = 0;
    bool here = await(c, room, MIDDLE, missing, [&] {
      bool all = true;
#pragma unroll
      for (int r = 0; r < N; r++) {
        if (r == c.rank) {
          got[r].first = mine;
        } else {
          got[r] = loadPair(lineAt(c, c.control, r, w));
          if (got[r].second != c.ticket) {
            all = false;
            missing = r;
          }
        }
      }
      return all;
    });
    if (!here) return false;
    typename L::A sum[L::K], next[L::K];
    L::unpack(got[0].first, sum);
#pragma unroll
    for (int r = 1; r < N; r++) {
      L::unpack(got[r].first, next);
      combine(op, sum, next);
    }
    finish(op, sum, N);
    storeLine<T>(target, w, c.count, L::template pack<u64>(sum));
  }
  return true;
}

template <class T>
__device__ __noinline__ bool reduceLinesOfAny(const Call &c, Room &room, u64 source, u64 target, u64 words) {
  using L = Lanes<T, 8>;
  int op = static_cast<int>(c.reduction);
  for (u64 w = lane(); w < words; w += lanes()) {
    u64 mine = loadLine<T>(source, w, c.count);
    for (u32 k = 1; k < c.size; k++) {
      u64 r = c.rank + k < c.size ? c.rank + k : c.rank + k - c.size;
      storePair(lineAt(c, room.bases[r], c.rank, w), mine, c.ticket);
    }
    typename L::A sum[L::K], next[L::K];
    for (u32 r = 0; r < c.size; r++) {
      Pair got = {mine, c.ticket};
      if (r != c.rank) {
        u64 at = lineAt(c, c.control, r, w);
        if (!await(c, room, MIDDLE, r, [&] {
              got = loadPair(at);
              return got.second == c.ticket;
            })) {
          return false;
        }
      }
      L::unpack(got.first, next);
      if (r == 0) {
#pragma unroll
        for (int k = 0; k < L::K; k++) sum[k] = next[k];
      } else {
        combine(op, sum, next);
      }
    }
    finish(op, sum, static_cast<u32>(c.size));
    storeLine<T>(target, w, c.count, L::template pack<u64>(sum));
  }
  return true;
}

template <class T> __device__ __forceinline__ void allReduceOneShot(const Call &c, Room &room) {
  if (!open(c, room)) return;
  announce(c, room);
  constexpr u64 OFFSET = (1ull << 48) - 1;
  u64 source = room.bases[(c.source >> 48) * c.size + c.rank] + (c.source & OFFSET);
  u64 target = room.bases[(c.target >> 48) * c.size + c.rank] + (c.target & OFFSET);
  u64 words = (c.count * sizeof(T) + 7) / 8;
  if (sizeof(T) > 1 && c.size == 2) {
    reduceLines<T, 2>(c, room, source, target, words);
  } else if (sizeof(T) > 1 && c.size == 4) {
    reduceLines<T, 4>(c, room, source, target, words);
  } else {
    reduceLinesOfAny<T>(c, room, source, target, words);
  }
  if (blockIdx.x == 0) meet(c, room);  // compares the calls; the arrivals came before the lines
}

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
    reduceAligned<T>(op, aligned, size, from, to, [&](u64 i, const Vector &v) {
      for (u32 k = 0; k < size; k++) {
        u32 r = static_cast<u32>(c.rank) + k;
        storeVector(room.target[r < size ? r : r - size] + shift + i * 16, v);
      }
    });
    auto single = [&](u64 i, T x) {
      for (u32 r = 0; r < size; r++) reinterpret_cast<T *>(room.target[r])[i] = x;
    };
    reduceSingle<T>(op, room.source, size, headFrom, headTo, single);
    if (c.rank == c.size - 1) reduceSingle<T>(op, room.source, size, cut.end, c.count, single);
  } else {
    u64 base = mine + cut.head * sizeof(T);
    reduceAligned<T>(op, aligned, size, from, to, [&](u64 i, const Vector &v) { storeVector(base + i * 16, v); });
    auto single = [&](u64 i, T x) { reinterpret_cast<T *>(mine)[i] = x; };
    reduceSingle<T>(op, room.source, size, headFrom, headTo, single);
    if (c.rank == c.size - 1) reduceSingle<T>(op, room.source, size, cut.end, c.count, single);
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
template <class T> __device__ __forceinline__ void reduceScatter(const Call &c, Room &room) {
  if (!begin(c, room)) return;
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
  reduceAligned<T>(op, aligned, size, 0, cut.vectors, [&](u64 i, const Vector &v) { storeVector(base + i * 16, v); });
  auto single = [&](u64 i, T x) { reinterpret_cast<T *>(target)[i] = x; };
  reduceSingle<T>(op, block, size, 0, cut.head, single);
  reduceSingle<T>(op, block, size, cut.end, c.count, single);
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
  reduceAligned<T>(op, aligned, size, 0, cut.vectors, [&](u64 i, const Vector &v) { storeVector(base + i * 16, v); });
  auto single = [&](u64 i, T x) { reinterpret_cast<T *>(c.target)[i] = x; };
  reduceSingle<T>(op, room.source, size, 0, cut.head, single);
  reduceSingle<T>(op, room.source, size, cut.end, c.count, single);
}

#define REDUCTIONS(NAME, T)                                                                        \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceOneShot##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    allReduceOneShot<T>(c, room);                                                                  \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceTwoShot##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    allReduceTwoShot<T>(c, room);                                                                  \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) reduceScatter##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    reduceScatter<T>(c, room);                                                                     \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) reduceLocal##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    reduceLocal<T>(c, room);                                                                       \
  }

REDUCTIONS(Int8, signed char)
REDUCTIONS(Uint8, unsigned char)
REDUCTIONS(Int32, int)
REDUCTIONS(Int64, long long)
REDUCTIONS(Float32, float)
REDUCTIONS(Float64, double)
REDUCTIONS(Float16, __half)
REDUCTIONS(Bfloat16, __nv_bfloat16)

// Bytes from here on: count is in bytes.

// Which peer and which threads: variant bit 1 spreads the blocks of the launch over the peers, else all blocks take the peers in
// turn, each rank another one first.
template <class Copy> __device__ __forceinline__ void forPeers(const Call &c, Copy copy) {
  u32 size = static_cast<u32>(c.size), rank = static_cast<u32>(c.rank);
  u32 others = size - 1;
  if ((c.variant & 2) != 0 && gridDim.x >= others) {
    u32 k = blockIdx.x % others;
    u32 blocks = (gridDim.x - k + others - 1) / others;
    u32 r = rank + 1 + k;
    copy(r < size ? r : r - size, static_cast<u64>(blockIdx.x / others) * blockDim.x + threadIdx.x,
         static_cast<u64>(blocks) * blockDim.x);
  } else {
    for (u32 k = 1; k < size; k++) {
      u32 r = rank + k;
      copy(r < size ? r : r - size, lane(), lanes());
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allGather(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  u64 own = room.target[c.rank] + c.rank * c.count;
  if (own != room.source[c.rank]) copyBytes(own, room.source[c.rank], c.count, lane(), lanes());
  if ((c.variant & 1) == 0) {
    forPeers(c, [&](u32 r, u64 lane, u64 lanes) {
      copyBytes(room.target[c.rank] + r * c.count, room.source[r], c.count, lane, lanes);
    });
  } else {
    forPeers(c, [&](u32 r, u64 lane, u64 lanes) {
      copyBytes(room.target[r] + c.rank * c.count, room.source[c.rank], c.count, lane, lanes);
    });
  }
  reach(c, room, DEPART);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allToAll(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  copyBytes(room.target[c.rank] + c.rank * c.count, room.source[c.rank] + c.rank * c.count, c.count, lane(), lanes());
  if ((c.variant & 1) == 0) {
    forPeers(c, [&](u32 r, u64 lane, u64 lanes) {
      copyBytes(room.target[c.rank] + r * c.count, room.source[r] + c.rank * c.count, c.count, lane, lanes);
    });
  } else {
    forPeers(c, [&](u32 r, u64 lane, u64 lanes) {
      copyBytes(room.target[r] + c.rank * c.count, room.source[c.rank] + r * c.count, c.count, lane, lanes);
    });
  }
  reach(c, room, DEPART);
}

// Source and target are the same memory on the root. Variant 0: every rank fetches all of it. Variant 1: every rank but the root
// fetches a part and writes it into the others too, so that each byte leaves the root once.
extern "C" __global__ void __launch_bounds__(THREADS, 1) broadcast(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  u32 size = static_cast<u32>(c.size), rank = static_cast<u32>(c.rank), root = static_cast<u32>(c.root);
  u64 source = room.source[root];
  if (c.rank != c.root) {
    u64 differs = 0;
    for (u32 r = 0; r < size; r++) differs |= r == root ? 0 : room.target[r] ^ source;
    if (c.variant == 0 || size == 2 || (differs & 15) != 0) {
      copyBytes(room.target[rank], source, c.count, lane(), lanes());
    } else {
      u32 parts = size - 1;
      u32 index = (rank + size - root - 1) % size;
      u64 head = (16 - (source & 15)) & 15;
      if (head > c.count) head = c.count;
      u64 vectors = (c.count - head) / 16;
      u64 from = partBegin(vectors, index, parts), to = partBegin(vectors, index + 1, parts);
      u64 step = lanes();
      u64 i = from + lane();
      auto give = [&](u64 at, const Vector &v) {
        for (u32 k = 0; k < size; k++) {
          u32 r = rank + k < size ? rank + k : rank + k - size;
          if (r != root) storeVector(room.target[r] + at, v);
        }
      };
      for (; i + 3 * step < to; i += 4 * step) {
        Vector v[4];
#pragma unroll
        for (int u = 0; u < 4; u++) v[u] = loadVector(source + head + (i + u * step) * 16);
#pragma unroll
        for (int u = 0; u < 4; u++) give(head + (i + u * step) * 16, v[u]);
      }
      for (; i < to; i += step) give(head + i * 16, loadVector(source + head + i * 16));
      u64 done = head + vectors * 16;
      copyWords<unsigned char>(room.target[rank], source, head, lane(), lanes());
      copyWords<unsigned char>(room.target[rank] + done, source + done, c.count - done, lane(), lanes());
    }
  }
  reach(c, room, DEPART);
}

// Returns once every rank has launched it and all that they wrote before is seen. One block.
extern "C" __global__ void __launch_bounds__(THREADS, 1) barrier(const __grid_constant__ Call c) {
  __shared__ Room room;
  begin(c, room);
}

struct Block {
  u64 source;
  u64 target;
  u64 bytes;
};

// Copies count blocks, whose addresses and lengths are in memory that the device reads: a warp takes a block after the other.
extern "C" __global__ void __launch_bounds__(THREADS) gatherBlocks(const Block *blocks, u64 count) {
  u64 warp = lane() / 32, warps = lanes() / 32;
  for (u64 b = warp; b < count; b += warps) {
    Block block = blocks[b];
    copyBytes(block.target, block.source, block.bytes, threadIdx.x & 31, 32);
  }
}

// Writes a pattern that another process reads back before a path is offered.
extern "C" __global__ void warmUp(u64 *at, u64 words, u64 seed) {
  for (u64 i = lane(); i < words; i += lanes()) at[i] = seed + i;
}
