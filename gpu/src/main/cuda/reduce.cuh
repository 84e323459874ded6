// SPDX-License-Identifier: Apache-2.0
// Reductions over mapped memory: operands in the order of ranks, whoever reduces, so that every way gives the same bits.
#pragma once
#include "elements.cuh"

__device__ __forceinline__ u64 lane() { return static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ u64 lanes() { return static_cast<u64>(gridDim.x) * blockDim.x; }

// What from..to means to one of the threads that share it.
struct Span {
  u64 from, to, lane, lanes;
};

__device__ __forceinline__ Span ofLaunch(u64 from, u64 to) { return {from, to, lane(), lanes()}; }
__device__ __forceinline__ Span ofBlock(u64 from, u64 to) { return {from, to, threadIdx.x, blockDim.x}; }

// N operands known to the compiler: all of a thread's loads are on their way before the first is used.
template <class T, int N, int U, class Out>
__device__ __forceinline__ void reduceVectors(int op, const u64 *operand, Span span, Out out) {
  using L = Lanes<T, 16>;
  u64 base[N];
#pragma unroll
  for (int r = 0; r < N; r++) base[r] = operand[r];
  u64 step = span.lanes, to = span.to;
  u64 i = span.from + span.lane;
  for (; i + (U - 1) * step < to; i += U * step) {
    Vector v[U][N];
#pragma unroll
    for (int u = 0; u < U; u++)
#pragma unroll
      for (int r = 0; r < N; r++) v[u][r] = loadVector(base[r] + (i + u * step) * 16);
#pragma unroll
    for (int u = 0; u < U; u++) {
      typename L::A sum[L::K], next[L::K];
      L::unpack(v[u][0], sum);
#pragma unroll
      for (int r = 1; r < N; r++) {
        L::unpack(v[u][r], next);
        combine(op, sum, next);
      }
      finish(op, sum, N);
      out(i + u * step, L::template pack<Vector>(sum));
    }
  }
  for (; i < to; i += step) {
    typename L::A sum[L::K], next[L::K];
    L::unpack(loadVector(base[0] + i * 16), sum);
#pragma unroll
    for (int r = 1; r < N; r++) {
      L::unpack(loadVector(base[r] + i * 16), next);
      combine(op, sum, next);
    }
    finish(op, sum, N);
    out(i, L::template pack<Vector>(sum));
  }
}

// Any number of operands: the vectors of the next one are on their way while those of one are combined.
template <class T, int U, class Out>
__device__ __forceinline__ void reduceVectorsOfAny(int op, const u64 *operand, u32 size, Span span, Out out) {
  using L = Lanes<T, 16>;
  constexpr int ALL = U * L::K;
  using A = typename L::A;
  u64 step = span.lanes, to = span.to;
  for (u64 i = span.from + span.lane; i < to; i += U * step) {
    u64 at[U];
    Vector v[U];
#pragma unroll
    for (int u = 0; u < U; u++) {
      at[u] = (i + u * step < to ? i + u * step : i) * 16;
      v[u] = loadVector(operand[0] + at[u]);
    }
    A sum[ALL], next[ALL];
#pragma unroll 1
    for (u32 r = 0; r < size; r++) {
      Vector w[U];
      if (r + 1 < size) {
#pragma unroll
        for (int u = 0; u < U; u++) w[u] = loadVector(operand[r + 1] + at[u]);
      }
#pragma unroll
      for (int u = 0; u < U; u++) L::unpack(v[u], reinterpret_cast<A(&)[L::K]>(next[u * L::K]));
      if (r == 0) {
#pragma unroll
        for (int k = 0; k < ALL; k++) sum[k] = next[k];
      } else {
        combine(op, sum, next);
      }
#pragma unroll
      for (int u = 0; u < U; u++) v[u] = w[u];
    }
    finish(op, sum, size);
#pragma unroll
    for (int u = 0; u < U; u++) {
      if (i + u * step < to) {
        out(i + u * step, L::template pack<Vector>(reinterpret_cast<A(&)[L::K]>(sum[u * L::K])));
      }
    }
  }
}

// Vectors from..to, counted from the addresses of the operands. Out gets (index, vector).
// LOADS: about how many loads of a thread are on their way at once.
template <class T, int LOADS = 8, class Out>
__device__ __forceinline__ void reduceAligned(int op, const u64 *operand, u32 size, Span span, Out out) {
  if constexpr (sizeof(T) == 4 && Floating<T>::value) {
    if (size == 2) {
      reduceVectors<T, 2, LOADS / 2>(op, operand, span, out);
      return;
    }
    if (size == 4) {
      reduceVectors<T, 4, LOADS / 4>(op, operand, span, out);
      return;
    }
  }
  constexpr int U = LOADS < 8 || sizeof(T) == 1 ? 1 : sizeof(T) == 4 ? 4 : 2;
  reduceVectorsOfAny<T, U>(op, operand, size, span, out);
}

// Elements from..to one by one. Out gets (index, element).
template <class T, class Out>
__device__ __forceinline__ void reduceSingle(int op, const u64 *operand, u32 size, Span span, Out out) {
  using A = typename Sum<T>::type;
  for (u64 i = span.from + span.lane; i < span.to; i += span.lanes) {
    A sum[1] = {widen<T>(loadElement<T>(operand[0], i))};
    for (u32 r = 1; r < size; r++) {
      A next[1] = {widen<T>(loadElement<T>(operand[r], i))};
      combine(op, sum, next);
    }
    finish(op, sum, size);
    out(i, narrow<T>(sum[0]));
  }
}
