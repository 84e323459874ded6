// SPDX-License-Identifier: Apache-2.0
// Small calls by lines: data and ticket in one word of 128 bits, one way over the link.
#pragma once
#include "reduce.cuh"

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
