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
  return control + LINES + ((((c.ticket >> 16) & 1) * c.size + rank) * c.lineWords + word) * 16;
}

template <class T, int N>
__device__ __forceinline__ bool reduceLines(const Call &c, u64 source, u64 target, u64 words, u64 ticket) {
  using L = Lanes<T, 8>;
  int op = static_cast<int>(c.reduction);
  u64 deadline = now() + c.limitNanos;
  u64 verdict = loadRelaxed(c.control);
  for (u64 w = lane(); w < words; w += lanes()) {
    u64 mine = loadLine<T>(source, w, c.count);
    Pair got[N];
#pragma unroll
    for (int r = 0; r < N; r++) {
      if (r != c.rank) storePair(lineAt(c, controlOf(c, r), c.rank, w), mine, ticket);
    }
    u64 missing = 0;
    bool differs = false;
    bool here = await(c, deadline, MIDDLE, missing, [&] {
      bool all = true;
#pragma unroll
      for (int r = 0; r < N; r++) {
        if (r == c.rank) {
          got[r].first = mine;
        } else {
          got[r] = loadPair(lineAt(c, c.control, r, w));
          if (got[r].second != ticket) {
            all = false;
            missing = r;
            differs = differs || got[r].second >> 16 == ticket >> 16;
          }
        }
      }
      return all || differs;
    });
    if (!here || verdict != 0) {
      if (verdict != 0) storeRelease(c.report, verdict);
      return false;
    }
    if (differs) {
      raise(c, DESYNC, MIDDLE, missing);
      return false;
    }
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
__device__ __noinline__ bool reduceLinesOfAny(const Call &c, u64 source, u64 target, u64 words, u64 ticket) {
  using L = Lanes<T, 8>;
  int op = static_cast<int>(c.reduction);
  u64 deadline = now() + c.limitNanos;
  u64 verdict = loadRelaxed(c.control);
  for (u64 w = lane(); w < words; w += lanes()) {
    u64 mine = loadLine<T>(source, w, c.count);
    for (u32 k = 1; k < c.size; k++) {
      u64 r = c.rank + k < c.size ? c.rank + k : c.rank + k - c.size;
      storePair(lineAt(c, controlOf(c, r), c.rank, w), mine, ticket);
    }
    typename L::A sum[L::K], next[L::K];
    for (u32 r = 0; r < c.size; r++) {
      Pair got = {mine, ticket};
      if (r != c.rank) {
        u64 at = lineAt(c, c.control, r, w);
        if (!await(c, deadline, MIDDLE, r, [&] {
              got = loadPair(at);
              return got.second >> 16 == ticket >> 16;
            })) {
          return false;
        }
        if (got.second != ticket) {
          raise(c, DESYNC, MIDDLE, r);
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
    if (verdict != 0) {
      storeRelease(c.report, verdict);
      return false;
    }
    storeLine<T>(target, w, c.count, L::template pack<u64>(sum));
  }
  return true;
}

// The low 16 bits of a line's ticket are those of the signature, so that ranks that call it differently find out.
template <class T> __device__ __forceinline__ void allReduceOneShot(const Call &c) {
  u64 words = (c.count * sizeof(T) + 7) / 8;
  u64 ticket = c.ticket | (c.signature & 0xffff);
  announce(c, blockDim.x - 1 - threadIdx.x);
  if (sizeof(T) > 1 && c.size == 2) {
    reduceLines<T, 2>(c, c.ownSource, c.ownTarget, words, ticket);
  } else if (sizeof(T) > 1 && c.size == 4) {
    reduceLines<T, 4>(c, c.ownSource, c.ownTarget, words, ticket);
  } else {
    reduceLinesOfAny<T>(c, c.ownSource, c.ownTarget, words, ticket);
  }
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

// Nothing is read over the link: each block gives each rank the chunk that it reduces, in the scratch region of that rank, and reduces
// the chunks that it was given before. One word to each rank a turn, turn + 1: the chunk of this turn is there, and that of the last
// one was used. A chunk of turn t lies where that of t - 3 lay: it is written after the words of turn t - 2 were heard, which say that.
template <class T, class From, class Out>
__device__ __forceinline__ bool reduceStaged(const Call &c, const Room &room, u64 longest, From from, Out out) {
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
      u32 r = static_cast<u32>(c.rank) + k;
      r = r < size ? r : r - size;
      Pair slice = from(r);  // address, vectors
      if (begin < slice.second) {
        u64 n = slice.second - begin < c.chunk ? slice.second - begin : c.chunk;
        copyVectors(scratch(r, c.rank, turn), slice.first + begin * 16, n, threadIdx.x, blockDim.x);
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
        reduceAligned<T>(op, operand, size, ofBlock(0, n), [&](u64 i, const Vector &v) { out(before + i, v); });
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
  reduceStaged<T>(
      c, room, partBegin(cut.vectors, 1, size),
      [&](u32 r) -> Pair {
        u64 first = partBegin(cut.vectors, r, size);
        return {source + first * 16, partBegin(cut.vectors, r + 1, size) - first};
      },
      [&](u64 i, const Vector &v) {
        for (u32 k = 1; k <= size; k++) {
          u32 r = static_cast<u32>(c.rank) + k;
          storeVector(room.target[r < size ? r : r - size] + shift + (mine + i) * 16, v);
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
      [&](u64 i, const Vector &v) { storeVector(target + i * 16, v); });
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

#define REDUCTIONS(NAME, T)                                                                        \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceOneShot##NAME(const __grid_constant__ Call c) { \
    allReduceOneShot<T>(c);                                                                  \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceTwoShot##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    allReduceTwoShot<T>(c, room);                                                                  \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) reduceScatter##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    reduceScatter<T>(c, room);                                                                     \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) allReduceStaged##NAME(const __grid_constant__ Call c) { \
    __shared__ Room room;                                                                          \
    allReduceStaged<T>(c, room);                                                                   \
  }                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) reduceScatterStaged##NAME(const __grid_constant__ Call c) { \
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

// Gives the block of `rank + k` to that rank, this rank's own last; the blocks of all are on their way at once where everything is
// aligned, else one after the other.
template <class From, class To>
__device__ __forceinline__ void giveBlocks(const Call &c, u64 alignment, From from, To to) {
  u32 size = static_cast<u32>(c.size), rank = static_cast<u32>(c.rank);
  auto peer = [&](u32 k) { return rank + k < size ? rank + k : rank + k - size; };
  if (((alignment | c.count) & 15) != 0) {
    for (u32 k = 1; k <= size; k++) {
      u32 r = peer(k);
      if (from(r) != to(r)) copyBytes(to(r), from(r), c.count, lane(), lanes());
    }
    return;
  }
  constexpr u32 PEERS = 4, DEPTH = 2;
  u64 step = lanes(), n = c.count / 16;
  for (u64 i = lane(); i < n; i += DEPTH * step) {
    for (u32 k = 1; k <= size; k += PEERS) {
      Vector v[PEERS][DEPTH];
#pragma unroll
      for (u32 p = 0; p < PEERS; p++)
#pragma unroll
        for (u32 d = 0; d < DEPTH; d++)
          if (k + p <= size && i + d * step < n) v[p][d] = loadVector(from(peer(k + p)) + (i + d * step) * 16);
#pragma unroll
      for (u32 p = 0; p < PEERS; p++)
#pragma unroll
        for (u32 d = 0; d < DEPTH; d++)
          if (k + p <= size && i + d * step < n) storeVector(to(peer(k + p)) + (i + d * step) * 16, v[p][d]);
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allGather(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  u32 size = static_cast<u32>(c.size), rank = static_cast<u32>(c.rank);
  u64 source = room.source[rank], block = c.rank * c.count;
  u64 alignment = source | c.count;
  for (u32 r = 0; r < size; r++) alignment |= room.target[r];
  bool inPlace = room.target[rank] + block == source;
  if ((alignment & 15) != 0) {
    for (u32 k = 1; k <= size; k++) {
      u32 r = rank + k < size ? rank + k : rank + k - size;
      if (r != rank || !inPlace) copyBytes(room.target[r] + block, source, c.count, lane(), lanes());
    }
  } else {
    u64 step = lanes(), n = c.count / 16;
    u32 last = inPlace ? size - 1 : size;
    constexpr u32 DEPTH = 4;
    for (u64 i = lane(); i < n; i += DEPTH * step) {
      Vector v[DEPTH];
#pragma unroll
      for (u32 d = 0; d < DEPTH; d++)
        if (i + d * step < n) v[d] = loadVector(source + (i + d * step) * 16);
      for (u32 k = 1; k <= last; k++) {
        u64 to = room.target[rank + k < size ? rank + k : rank + k - size] + block;
#pragma unroll
        for (u32 d = 0; d < DEPTH; d++)
          if (i + d * step < n) storeVector(to + (i + d * step) * 16, v[d]);
      }
    }
  }
  reach(c, room, DEPART);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) allToAll(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  u64 alignment = room.source[c.rank];
  for (u32 r = 0; r < c.size; r++) alignment |= room.target[r];
  giveBlocks(
      c, alignment, [&](u32 r) { return room.source[c.rank] + r * c.count; },
      [&](u32 r) { return room.target[r] + c.rank * c.count; });
  reach(c, room, DEPART);
}

// Source and target are the same memory on the root. Variant 0: every rank fetches all of it. Variant 1: the root gives each other
// rank a part, chunk by chunk, and that rank gives it on to the others, so that each byte leaves the root once.
extern "C" __global__ void __launch_bounds__(THREADS, 1) broadcast(const __grid_constant__ Call c) {
  __shared__ Room room;
  if (!begin(c, room)) return;
  u32 size = static_cast<u32>(c.size), rank = static_cast<u32>(c.rank), root = static_cast<u32>(c.root);
  u64 source = room.source[root];
  u64 differs = 0;
  for (u32 r = 0; r < size; r++) differs |= r == root ? 0 : room.target[r] ^ source;
  if (c.variant == 0 || size == 2 || (differs & 15) != 0) {
    if (rank != root) copyBytes(room.target[rank], source, c.count, lane(), lanes());
    reach(c, room, DEPART);
    return;
  }
  u32 parts = size - 1;
  u64 head = (16 - (source & 15)) & 15;
  if (head > c.count) head = c.count;
  u64 vectors = (c.count - head) / 16, done = head + vectors * 16;
  u64 chunks = (partBegin(vectors, 1, parts) + c.chunk - 1) / c.chunk;
  u64 turns = (chunks + gridDim.x - 1) / gridDim.x;
  for (u64 turn = 0; turn < turns; turn++) {
    u64 begin = (turn * gridDim.x + blockIdx.x) * c.chunk;
    if (rank != root) {
      int failed = 0;
      if (threadIdx.x == 0) {
        u64 at = c.control + phaseRow() + c.root * 8, word = c.ticket + turn + 1;
        failed = !await(c, room.deadline, turn + 1, c.root, [&] { return loadAcquire(at) >= word; });
      }
      if (__syncthreads_or(failed)) return;
    }
    for (u32 k = 0; k < parts; k++) {
      u32 index = (k + blockIdx.x + rank) % parts;
      u32 r = (root + 1 + index) % size;  // whose part the root gives, or whom this rank gives its own
      if (r == rank) continue;
      u32 part = rank == root ? index : (rank + size - root - 1) % size;
      u64 first = partBegin(vectors, part, parts) + begin, last = partBegin(vectors, part + 1, parts);
      if (first < last) {
        u64 at = head + first * 16;
        copyVectors(room.target[r] + at, (rank == root ? source : room.target[rank]) + at, last - first < c.chunk ? last - first : c.chunk,
                    threadIdx.x, blockDim.x);
      }
    }
    if (rank == root) tell(c, turn + 1);
  }
  if (rank != root && blockIdx.x == 0) {
    copyWords<unsigned char>(room.target[rank], source, head, threadIdx.x, blockDim.x);
    copyWords<unsigned char>(room.target[rank] + done, source + done, c.count - done, threadIdx.x, blockDim.x);
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
