// SPDX-License-Identifier: Apache-2.0
// Collective kernels over the mapped memory of all ranks. Every rank launches the same kernel with the same grid.
#include "lines.cuh"
#include "staged.cuh"

constexpr int THREADS = 512;         // of a block, at most
constexpr int STAGED_THREADS = 256;  // of a block that stages, at most: three on a multiprocessor, some of which wait

#define REDUCTIONS(NAME, T)                                                                        \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceOneShot##NAME(const __grid_constant__ Call c) { \
    allReduceOneShot<T>(c);                                                                  \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) reduceScatterLines##NAME(const __grid_constant__ Call c) { \
    reduceScatterLines<T>(c);                                                                      \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceTwoShot##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    allReduceTwoShot<T>(c, room);                                                                  \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) reduceScatter##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    reduceScatter<T>(c, room);                                                                     \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(STAGED_THREADS, 3) allReduceStaged##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    allReduceStaged<T>(c, room);                                                                   \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(STAGED_THREADS, 3) reduceScatterStaged##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    reduceScatterStaged<T>(c, room);                                                               \
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

// Bytes from here on: count is in bytes. Ranks write, none reads over the link.

// Gives a block to every rank. Where the launch has blocks enough, each of them serves one rank, one in twelve this rank's own.
template <class From, class To> __device__ __forceinline__ void giveBlocks(const Call &c, From from, To to) {
  u32 others = static_cast<u32>(c.size) - 1, me = static_cast<u32>(c.rank);
  u32 own = gridDim.x / 12;
  if (own == 0 || gridDim.x - own < others) {
    for (u32 k = 1; k <= others; k++) {
      u32 r = peerOf(c, k);
      copyBytes(to(r), from(r), c.count, lane(), lanes());
    }
    if (from(me) != to(me)) copyBytes(to(me), from(me), c.count, lane(), lanes());
    return;
  }
  if (blockIdx.x % 12 == 11) {
    if (from(me) != to(me)) copyBytes(to(me), from(me), c.count, blockIdx.x / 12 * blockDim.x + threadIdx.x, own * blockDim.x);
    return;
  }
  if (others == 0) {
    return;
  }
  u32 index = blockIdx.x - blockIdx.x / 12, serving = gridDim.x - own;
  u32 k = index % others, blocks = (serving - k + others - 1) / others;
  u32 r = me + 1 + k;
  r = r <= others ? r : r - others - 1;
  copyBytes(to(r), from(r), c.count, index / others * blockDim.x + threadIdx.x, blocks * blockDim.x);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allGather(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  giveBlocks(
      c, [&](u32) { return room.source[c.rank]; }, [&](u32 r) { return room.target[r] + c.rank * c.count; });
  reach(c, room, DEPART);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allToAll(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  giveBlocks(
      c, [&](u32 r) { return room.source[c.rank] + r * c.count; }, [&](u32 r) { return room.target[r] + c.rank * c.count; });
  reach(c, room, DEPART);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allGatherLines(const __grid_constant__ Call c) {
  exchangeLines(
      c, [&](u32) { return c.ownSource; }, [&](u32 r) { return c.ownTarget + r * c.count; });
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allToAllLines(const __grid_constant__ Call c) {
  exchangeLines(
      c, [&](u32 r) { return c.ownSource + r * c.count; }, [&](u32 r) { return c.ownTarget + r * c.count; });
}

// The root gives its words to all. Every rank then waits until all have begun, as every other call does by what it exchanges: so all
// lines of the call before were read, and the next call may write over them.
extern "C" __global__ void __launch_bounds__(THREADS, 1) broadcastLines(const __grid_constant__ Call c) {
  using Byte = unsigned char;
  u64 words = (c.count + 7) / 8;
  u64 deadline = now() + c.limitNanos, ticket = lineTicket(c);
  u64 verdict = loadRelaxed(c.control);
  announce(c, blockDim.x - 1 - threadIdx.x);
  if (broken(c, verdict)) return;
  u32 size = static_cast<u32>(c.size), me = static_cast<u32>(c.rank), root = static_cast<u32>(c.root);
  for (u64 w = lane(); w < words; w += lanes()) {
    // Variant 1: the root gives a word to one rank, which gives it on.
    u32 first = (root + 1 + static_cast<u32>(w / 128 % (size > 1 ? size - 1 : 1))) % size;
    u32 giver = c.variant == 0 || me == first ? root : first;
    u64 word;
    if (me == root) {
      word = loadLine<Byte>(c.ownSource, w, c.count);
    } else {
      if (!takeLine(c, deadline, ticket, w, giver, word)) return;
      storeLine<Byte>(c.ownTarget, w, c.count, word);
    }
    bool gives = me == root || (c.variant == 1 && me == first);
    for (u32 k = 1; gives && k < size; k++) {
      u32 r = me + k < size ? me + k : me + k - size;
      if (c.variant == 0 || (me == root ? r == first : r != root)) storePair(lineAt(c, controlOf(c, r), c.rank, w), word, ticket);
    }
  }
  if (blockIdx.x == 0 && threadIdx.x < c.size) {
    u64 other = threadIdx.x, at = arrival(c, c.control, other) + 32;
    Pair signature;
    bool here = await(c, deadline, ARRIVE, other, [&] {
      signature = loadPair(at);
      return signature.first == c.ticket;
    });
    if (here && signature.second != c.signature) raise(c, DESYNC, ARRIVE, other);
  }
}

// Source and target are the same memory on the root. Variant 0: every rank fetches all of it. Variant 1: every rank but the root
// fetches a part, chunk by chunk, and gives it on to the others, so that each byte leaves the root once.
extern "C" __global__ void __launch_bounds__(THREADS, 1) broadcast(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  u32 size = static_cast<u32>(c.size), rank = static_cast<u32>(c.rank), root = static_cast<u32>(c.root);
  u64 source = room.source[root], mine = room.target[rank];
  u64 differs = 0;
  for (u32 r = 0; r < size; r++) differs |= r == root ? 0 : room.target[r] ^ source;
  if (rank == root) {
    reach(c, room, DEPART);
    return;
  }
  if (c.variant == 0 || size == 2 || (differs & 15) != 0) {
    copyBytes(mine, source, c.count, lane(), lanes());
    reach(c, room, DEPART);
    return;
  }
  u32 parts = size - 1, index = (rank + size - root - 1) % size;
  u64 head = (16 - (source & 15)) & 15;
  if (head > c.count) head = c.count;
  u64 vectors = (c.count - head) / 16, done = head + vectors * 16;
  u64 last = partBegin(vectors, index + 1, parts);
  for (u64 first = partBegin(vectors, index, parts) + blockIdx.x * c.chunk; first < last; first += gridDim.x * c.chunk) {
    u64 at = head + first * 16, n = last - first < c.chunk ? last - first : c.chunk;
    copyVectors(mine + at, source + at, n, threadIdx.x, blockDim.x);
    __syncthreads();
    for (u32 k = 1; k < size; k++) {
      u32 r = peerOf(c, k);
      if (r != root) copyVectors(room.target[r] + at, mine + at, n, threadIdx.x, blockDim.x);
    }
    __syncthreads();
  }
  if (blockIdx.x == 0) {
    copyWords<unsigned char>(mine, source, head, threadIdx.x, blockDim.x);
    copyWords<unsigned char>(mine + done, source + done, c.count - done, threadIdx.x, blockDim.x);
  }
  reach(c, room, DEPART);
}

// Each rank fetches from the sources of all what its own table says: blocks of different lengths, or blocks for one rank alone.
extern "C" __global__ void __launch_bounds__(THREADS, 1) fetchBlocks(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  const volatile u64 *table = reinterpret_cast<const volatile u64 *>(c.blocks);
  u32 size = static_cast<u32>(c.size), me = static_cast<u32>(c.rank);
  for (u32 k = 0; k < size; k++) {
    u32 r = me + k < size ? me + k : me + k - size;
    u64 target = room.target[me] + table[r * 3], source = room.source[r] + table[r * 3 + 1];
    if (table[r * 3 + 2] > 0 && target != source) copyBytes(target, source, table[r * 3 + 2], lane(), lanes());
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

// Copies a stretch within the device while its copy engines serve the links.
extern "C" __global__ void __launch_bounds__(THREADS) copyRange(u64 target, u64 source, u64 bytes) {
  copyBytes(target, source, bytes, lane(), lanes());
}

// Writes a pattern that another process reads back before a path is offered.
extern "C" __global__ void warmUp(u64 *at, u64 words, u64 seed) {
  for (u64 i = lane(); i < words; i += lanes()) at[i] = seed + i;
}
