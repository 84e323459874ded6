// SPDX-License-Identifier: Apache-2.0
// Collective kernels over the mapped memory of all ranks. Every rank launches the same kernel with the same grid.
#include "copy.cuh"
#include "reduce.cuh"

constexpr int THREADS = 512;         // of a block, at most
constexpr int STAGED_THREADS = 256;  // of a block that stages, at most: three on a multiprocessor, some of which wait

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

// What became of the wait for one word of every other rank.
template <int N> struct Lines {
  u64 word[N];
};

// Waits for word w of every rank but this one. False on this thread when the communicator is broken or breaks.
template <int N>
__device__ __forceinline__ bool takeLines(const Call &c, u64 deadline, u64 ticket, u64 w, u64 mine, Lines<N> &got) {
  u64 missing = 0;
  bool differs = false;
  Awaited how = spin(c, deadline, [&] {
    bool all = true;
#pragma unroll
    for (int r = 0; r < N; r++) {
      if (r == c.rank) {
        got.word[r] = mine;
      } else {
        Pair p = loadPair(lineAt(c, c.control, r, w));
        got.word[r] = p.first;
        if (p.second != ticket) {
          all = false;
          missing = r;
          differs = differs || p.second >> 16 == ticket >> 16;
        }
      }
    }
    return all || differs;
  });
  if (how == LATE || (how == READY && differs)) raise(c, how == LATE ? TIMED_OUT : DESYNC, MIDDLE, missing);
  return how == READY && !differs;
}

__device__ __forceinline__ bool takeLine(const Call &c, u64 deadline, u64 ticket, u64 w, u64 from, u64 &word) {
  Pair p;
  u64 at = lineAt(c, c.control, from, w);
  bool here = await(c, deadline, MIDDLE, from, [&] {
    p = loadPair(at);
    return p.second >> 16 == ticket >> 16;
  });
  if (here && p.second != ticket) {
    raise(c, DESYNC, MIDDLE, from);
    return false;
  }
  word = p.first;
  return here;
}

// A verdict from before, which a launch on a broken communicator finds at once.
__device__ __forceinline__ bool broken(const Call &c, u64 verdict) {
  if (verdict != 0) storeRelease(c.report, verdict);
  return verdict != 0;
}

// The low 16 bits of a line's ticket are those of the signature, so that ranks that call it differently find out.
__device__ __forceinline__ u64 lineTicket(const Call &c) { return c.ticket | (c.signature & 0xffff); }

// from(r): where the elements are that rank r reduces; ALIKE where that is the same for all.
template <class T, int N, bool ALIKE, class From>
__device__ __forceinline__ void reduceLines(const Call &c, u64 words, From from) {
  using L = Lanes<T, 8>;
  int op = static_cast<int>(c.reduction);
  u64 deadline = now() + c.limitNanos, ticket = lineTicket(c);
  u64 verdict = loadRelaxed(c.control);
  for (u64 w = lane(); w < words; w += lanes()) {
    u64 mine = loadLine<T>(from(static_cast<u32>(c.rank)), w, c.count);
    Lines<N> got;
#pragma unroll
    for (int r = 0; r < N; r++) {
      if (r != c.rank) storePair(lineAt(c, controlOf(c, r), c.rank, w), ALIKE ? mine : loadLine<T>(from(r), w, c.count), ticket);
    }
    if (broken(c, verdict) || !takeLines<N>(c, deadline, ticket, w, mine, got)) return;
    typename L::A sum[L::K], next[L::K];
    L::unpack(got.word[0], sum);
#pragma unroll
    for (int r = 1; r < N; r++) {
      L::unpack(got.word[r], next);
      combine(op, sum, next);
    }
    finish(op, sum, N);
    storeLine<T>(c.ownTarget, w, c.count, L::template pack<u64>(sum));
  }
}

template <class T, class From>
__device__ __noinline__ void reduceLinesOfAny(const Call &c, u64 words, From from) {
  using L = Lanes<T, 8>;
  int op = static_cast<int>(c.reduction);
  u64 deadline = now() + c.limitNanos, ticket = lineTicket(c);
  u64 verdict = loadRelaxed(c.control);
  for (u64 w = lane(); w < words; w += lanes()) {
    u64 mine = loadLine<T>(from(static_cast<u32>(c.rank)), w, c.count);
    for (u32 k = 1; k < c.size; k++) {
      u32 r = static_cast<u32>(c.rank + k < c.size ? c.rank + k : c.rank + k - c.size);
      storePair(lineAt(c, controlOf(c, r), c.rank, w), loadLine<T>(from(r), w, c.count), ticket);
    }
    if (broken(c, verdict)) return;
    typename L::A sum[L::K], next[L::K];
    for (u32 r = 0; r < c.size; r++) {
      u64 word = mine;
      if (r != c.rank && !takeLine(c, deadline, ticket, w, r, word)) return;
      L::unpack(word, next);
      if (r == 0) {
#pragma unroll
        for (int k = 0; k < L::K; k++) sum[k] = next[k];
      } else {
        combine(op, sum, next);
      }
    }
    finish(op, sum, static_cast<u32>(c.size));
    storeLine<T>(c.ownTarget, w, c.count, L::template pack<u64>(sum));
  }
}

template <class T, bool ALIKE, class From> __device__ __forceinline__ void reduceByLines(const Call &c, From from) {
  u64 words = (c.count * sizeof(T) + 7) / 8;
  announce(c, blockDim.x - 1 - threadIdx.x);
  if (sizeof(T) > 1 && c.size == 2) {
    reduceLines<T, 2, ALIKE>(c, words, from);
  } else if (sizeof(T) > 1 && c.size == 4) {
    reduceLines<T, 4, ALIKE>(c, words, from);
  } else {
    reduceLinesOfAny<T>(c, words, from);
  }
}

template <class T> __device__ __forceinline__ void allReduceOneShot(const Call &c) {
  reduceByLines<T, true>(c, [&](u32) { return c.ownSource; });
}

template <class T> __device__ __forceinline__ void reduceScatterLines(const Call &c) {
  reduceByLines<T, false>(c, [&](u32 r) { return c.ownSource + r * c.count * sizeof(T); });
}

// Bytes: from(r) is given to rank r, and what it gives goes to(r).
template <class From, class To> __device__ __forceinline__ void exchangeLines(const Call &c, From from, To to) {
  using Byte = unsigned char;
  u64 words = (c.count + 7) / 8;
  u64 deadline = now() + c.limitNanos, ticket = lineTicket(c);
  u64 verdict = loadRelaxed(c.control);
  announce(c, blockDim.x - 1 - threadIdx.x);
  for (u64 w = lane(); w < words; w += lanes()) {
    for (u32 k = 1; k < c.size; k++) {
      u32 r = static_cast<u32>(c.rank + k < c.size ? c.rank + k : c.rank + k - c.size);
      storePair(lineAt(c, controlOf(c, r), c.rank, w), loadLine<Byte>(from(r), w, c.count), ticket);
    }
    u32 me = static_cast<u32>(c.rank);
    if (from(me) != to(me)) storeLine<Byte>(to(me), w, c.count, loadLine<Byte>(from(me), w, c.count));
    if (broken(c, verdict)) return;
    if (c.size == 4) {
      Lines<4> got;
      if (!takeLines<4>(c, deadline, ticket, w, 0, got)) return;
#pragma unroll
      for (u32 r = 0; r < 4; r++) {
        if (r != me) storeLine<Byte>(to(r), w, c.count, got.word[r]);
      }
    } else {
      for (u32 k = 1; k < c.size; k++) {
        u32 r = me + k < c.size ? me + k : me + k - static_cast<u32>(c.size);
        u64 word;
        if (!takeLine(c, deadline, ticket, w, r, word)) return;
        storeLine<Byte>(to(r), w, c.count, word);
      }
    }
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
