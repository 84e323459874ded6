// SPDX-License-Identifier: Apache-2.0
// What a launch gets, what ranks share, and how they wait for each other.
#pragma once
#include <cstdint>

using u64 = unsigned long long;
using u32 = unsigned int;

constexpr u32 MAX_RANKS = 128;   // of one NVLink domain
constexpr u32 MAX_BASES = 1024;  // slots of mapped regions times ranks
constexpr u32 MAX_BLOCKS = 512;  // of one launch
constexpr u32 NEAR = 8;          // ranks whose control regions are in the call itself

// The one parameter of every collective kernel, passed by value. 64-bit words only, so that a caller without C structs
// (JCuda: Pointer.to(long[])) passes an array of longs.
struct Call {
  u64 rank;
  u64 size;
  u64 ticket;       // epoch << 48 | sequence << 16; the low 16 bits are the phases of the call
  u64 limitNanos;   // how long one launch may wait for others, from its start
  u64 signature;    // the same on all ranks of one call: operation, type, reduction, count, root, grid
  u64 count;        // elements: of the vector, or of one rank's block
  u64 reduction;    // ReduceOp.number()
  u64 root;
  u64 source;       // slot << 48 | offset in bytes
  u64 target;       // likewise
  u64 bases;        // device address of u64[slots][size]: where each rank's region is mapped here; slot 0 is the control region,
                    // slot 1 the scratch region
  u64 slots;
  u64 control;      // this rank's control region
  u64 report;       // pinned host word that gets the verdict
  u64 variant;      // which way, where a kernel has several
  u64 lineWords;    // words of one rank's part of the line buffers
  u64 chunk;        // staged ways: vectors of 16 bytes that a block gives to one rank at a time
  u64 ownSource;    // address of this rank's source
  u64 ownTarget;    // and target
  u64 near[NEAR];   // control regions of all ranks as mapped here, when they are at most NEAR
  u64 blocks;       // fetchBlocks: address of u64[size][3], for each rank where in the target, where in its source, how many bytes
};

// The control region of a rank. Device memory that every rank maps. Zero before the first call.
//       0  verdict: 0, or why the communicator broke (see raise)
//    4096  arrivals [2][MAX_RANKS] of 64 bytes: ticket,source | ticket,target | ticket,signature; written by the rank of the index
//   65536  phases [MAX_BLOCKS][MAX_RANKS]: the ticket and phase that a block of that rank has reached
// 1048576  lines [2][size][lineWords] of 16 bytes: eight bytes of data and the ticket of their call
constexpr u64 ARRIVALS = 4096;
constexpr u64 PHASES = 65536;
constexpr u64 LINES = 1048576;

enum Verdict : u64 { TIMED_OUT = 1, DESYNC = 2 };
enum Phase : u64 { ARRIVE = 0, MIDDLE = 1, DEPART = 0xffff };

struct Room {
  u64 bases[MAX_BASES];
  u64 source[MAX_RANKS];
  u64 target[MAX_RANKS];
  u64 deadline;
};

__device__ __forceinline__ u64 now() {
  u64 t;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(t));
  return t;
}

__device__ __forceinline__ u64 loadAcquire(u64 at) {
  u64 v;
  asm volatile("ld.acquire.sys.global.u64 %0, [%1];" : "=l"(v) : "l"(at) : "memory");
  return v;
}

__device__ __forceinline__ u64 loadRelaxed(u64 at) {
  u64 v;
  asm volatile("ld.relaxed.sys.global.u64 %0, [%1];" : "=l"(v) : "l"(at) : "memory");
  return v;
}

__device__ __forceinline__ void storeRelease(u64 at, u64 value) {
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(at), "l"(value) : "memory");
}

struct Pair {
  u64 first;
  u64 second;
};

// One access of 128 bits, so that a word and its ticket are never torn.
__device__ __forceinline__ Pair loadPair(u64 at) {
  Pair p;
  asm volatile("{ .reg .b128 v; ld.relaxed.sys.global.b128 v, [%2]; mov.b128 {%0, %1}, v; }"
               : "=l"(p.first), "=l"(p.second)
               : "l"(at)
               : "memory");
  return p;
}

__device__ __forceinline__ void storePair(u64 at, u64 first, u64 second) {
  asm volatile("{ .reg .b128 v; mov.b128 v, {%1, %2}; st.relaxed.sys.global.b128 [%0], v; }" ::"l"(at), "l"(first), "l"(second)
               : "memory");
}

__device__ __forceinline__ u64 controlOf(const Call &c, u64 rank) {
  return c.size <= NEAR ? c.near[rank] : reinterpret_cast<const u64 *>(c.bases)[rank];
}

// Breaks the communicator: the first verdict on a rank stays, and every other rank is told. Verdict words:
// code << 60 | rank that was missed << 48 | phase << 32 | sequence.
__device__ __noinline__ void raise(const Call &c, u64 code, u64 phase, u64 other) {
  u64 mine = code << 60 | other << 48 | phase << 32 | ((c.ticket >> 16) & 0xffffffffull);
  u64 before = atomicCAS_system(reinterpret_cast<u64 *>(c.control), 0ull, mine);
  u64 stands = before == 0 ? mine : before;
  for (u64 r = 0; r < c.size; r++) {
    if (r != c.rank) {
      atomicCAS_system(reinterpret_cast<u64 *>(controlOf(c, r)), 0ull, stands);
    }
  }
  storeRelease(c.report, stands);
}

enum Awaited : int { READY, BROKEN, LATE };

// Ends when ready() holds, when the communicator is broken, or when the deadline passes.
template <class Ready> __device__ __forceinline__ Awaited spin(const Call &c, u64 deadline, Ready ready) {
  for (u32 turn = 1;; turn++) {
    if (ready()) {
      return READY;
    }
    if ((turn & 63) == 0) {
      u64 verdict = loadRelaxed(c.control);
      if (verdict != 0) {
        storeRelease(c.report, verdict);
        return BROKEN;
      }
      if (now() > deadline) {
        return LATE;
      }
    }
  }
}

// As spin, and breaks the communicator when it is late: `other` was missed.
template <class Ready> __device__ __forceinline__ bool await(const Call &c, u64 deadline, u64 phase, u64 other, Ready ready) {
  Awaited how = spin(c, deadline, ready);
  if (how == LATE) raise(c, TIMED_OUT, phase, other);
  return how == READY;
}

__device__ __forceinline__ u64 arrival(const Call &c, u64 control, u64 rank) {
  return control + ARRIVALS + (((c.ticket >> 16) & 1) * MAX_RANKS + rank) * 64;
}

// Tells every rank that this one has begun the call, and where its memory is. By the first block alone; the others of the launch
// have nothing to add, since what came before in the stream was done before any of them began.
__device__ __forceinline__ void announce(const Call &c, u32 to) {
  if (blockIdx.x == 0 && to < c.size) {
    u64 at = arrival(c, controlOf(c, to), c.rank);
    storePair(at, c.ticket, c.source);
    storePair(at + 16, c.ticket, c.target);
    storePair(at + 32, c.ticket, c.signature);
  }
}

// Waits until every rank has begun the call and learns where its memory is. False on every thread of the block on failure.
__device__ __forceinline__ bool meet(const Call &c, Room &room) {
  int failed = 0;
  u64 other = threadIdx.x;
  if (other < c.size) {
    u64 at = arrival(c, c.control, other);
    Pair source, target, signature;
    bool here = await(c, room.deadline, ARRIVE, other, [&] {
      source = loadPair(at);
      target = loadPair(at + 16);
      signature = loadPair(at + 32);
      return source.first == c.ticket && target.first == c.ticket && signature.first == c.ticket;
    });
    __threadfence_system();
    if (here && signature.second != c.signature) {
      raise(c, DESYNC, ARRIVE, other);
      here = false;
    }
    if (here) {
      constexpr u64 OFFSET = (1ull << 48) - 1;
      room.source[other] = room.bases[(source.second >> 48) * c.size + other] + (source.second & OFFSET);
      room.target[other] = room.bases[(target.second >> 48) * c.size + other] + (target.second & OFFSET);
    }
    failed = !here;
  }
  return !__syncthreads_or(failed);
}

// Announces, loads the table of mapped regions, and waits for the others. False on every thread of the block on failure.
__device__ __forceinline__ bool begin(const Call &c, Room &room) {
  if (blockIdx.x == 0 && threadIdx.x < c.size) __threadfence_system();
  announce(c, threadIdx.x);
  const u64 *table = reinterpret_cast<const u64 *>(c.bases);
  for (u32 i = threadIdx.x; i < c.slots * c.size; i += blockDim.x) {
    room.bases[i] = table[i];
  }
  int broken = 0;
  if (threadIdx.x == 0) {
    room.deadline = now() + c.limitNanos;
    u64 verdict = loadRelaxed(c.control);
    if (verdict != 0) {
      storeRelease(c.report, verdict);
      broken = 1;
    }
  }
  if (__syncthreads_or(broken)) return false;
  return meet(c, room);
}

__device__ __forceinline__ u64 phaseRow() { return PHASES + blockIdx.x * MAX_RANKS * 8; }

// Tells this block of every rank that this one has come to the phase; what it wrote before is seen by who sees that.
__device__ __forceinline__ void tell(const Call &c, u64 phase) {
  __syncthreads();
  u64 other = threadIdx.x;
  if (other < c.size && other != c.rank) {
    storeRelease(controlOf(c, other) + phaseRow() + c.rank * 8, c.ticket + phase);
  }
}

// Waits until this block of every rank has come to the phase.
__device__ __forceinline__ bool hear(const Call &c, const Room &room, u64 phase) {
  int failed = 0;
  u64 other = threadIdx.x;
  if (other < c.size && other != c.rank) {
    u64 word = c.ticket + phase;
    u64 at = c.control + phaseRow() + other * 8;
    failed = !await(c, room.deadline, phase, other, [&] { return loadAcquire(at) >= word; });
  }
  return !__syncthreads_or(failed);
}

__device__ __forceinline__ bool reach(const Call &c, const Room &room, u64 phase) {
  tell(c, phase);
  return hear(c, room, phase);
}
