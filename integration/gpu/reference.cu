// SPDX-License-Identifier: Apache-2.0
// What the harness itself runs on a device: random data that any rank can make again, checks against it, and a gate.
// Nothing of the kernels under test is used here.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

using u64 = unsigned long long;

enum Kind { REDUCE = 0, GATHER = 1, ALL_TO_ALL = 2, BROADCAST = 3 };

struct Task {
  u64 kind, address, count, seed, rank, size, reduction, root, begin;  // begin: first element of this rank's part of the vector
};

__device__ u64 mix(u64 x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

template <class T> struct Made {
  static __device__ T of(u64 bits, u64) { return static_cast<T>(bits); }
};
__device__ double real(u64 bits, u64 reduction) {
  double unit = static_cast<double>(bits >> 11) / 9007199254740992.0;
  return reduction == 2 ? 0.5 + unit : 2 * unit - 1;
}
template <> struct Made<float> {
  static __device__ float of(u64 bits, u64 reduction) { return static_cast<float>(real(bits, reduction)); }
};
template <> struct Made<double> {
  static __device__ double of(u64 bits, u64 reduction) { return real(bits, reduction); }
};
template <> struct Made<__half> {
  static __device__ __half of(u64 bits, u64 reduction) { return __float2half_rn(static_cast<float>(real(bits, reduction))); }
};
template <> struct Made<__nv_bfloat16> {
  static __device__ __nv_bfloat16 of(u64 bits, u64 reduction) { return __float2bfloat16_rn(static_cast<float>(real(bits, reduction))); }
};

template <class T> __device__ T value(const Task &t, u64 rank, u64 index) {
  return Made<T>::of(mix(t.seed * 0x100000001b3ull + rank * 0x9e3779b1ull + mix(index)), t.reduction);
}

template <class T> struct Wide { using type = T; };
template <> struct Wide<__half> { using type = float; };
template <> struct Wide<__nv_bfloat16> { using type = float; };
template <class T> __device__ double asDouble(T x) { return static_cast<double>(x); }
template <> __device__ double asDouble(__half x) { return __half2float(x); }
template <> __device__ double asDouble(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> __device__ typename Wide<T>::type asWide(T x) { return x; }
template <> __device__ float asWide(__half x) { return __half2float(x); }
template <> __device__ float asWide(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> __device__ T rounded(typename Wide<T>::type x) { return x; }
template <> __device__ __half rounded<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __nv_bfloat16 rounded<__nv_bfloat16>(float x) { return __float2bfloat16_rn(x); }

template <class W> struct Whole { static constexpr bool value = true; };
template <> struct Whole<float> { static constexpr bool value = false; };
template <> struct Whole<double> { static constexpr bool value = false; };

template <class W> __device__ W combined(u64 op, W a, W b) {
  if (op == 1 || op == 5) return a + b;
  if (op == 2) return a * b;
  if (op == 3) return b < a ? b : a;
  if (op == 4) return b > a ? b : a;
  if constexpr (Whole<W>::value) {
    if (op == 6) return a & b;
    if (op == 7) return a | b;
    return a ^ b;
  }
  return a;
}

__device__ double combinedReal(u64 op, double a, double b) {
  return op == 2 ? a * b : op == 3 ? (b < a ? b : a) : op == 4 ? (b > a ? b : a) : a + b;
}

template <class T> __device__ void fill(const Task &t) {
  u64 step = static_cast<u64>(gridDim.x) * blockDim.x;
  for (u64 i = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; i < t.count; i += step) {
    reinterpret_cast<T *>(t.address)[i] = value<T>(t, t.rank, i);
  }
}

// outcome[0]: elements whose bits differ from the reduction in the order of ranks. outcome[1], [2] as doubles: sum of squares of the
// differences from float64, and of the sums of the operands' magnitudes.
template <class T> __device__ void check(const Task &t, u64 *outcome) {
  using W = typename Wide<T>::type;
  u64 step = static_cast<u64>(gridDim.x) * blockDim.x;
  u64 wrong = 0;
  double difference = 0, norm = 0;
  for (u64 i = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; i < t.count; i += step) {
    T got = reinterpret_cast<const volatile T *>(t.address) ? *(reinterpret_cast<T *>(t.address) + i) : T();
    T want;
    if (t.kind == REDUCE) {
      W sum = asWide<T>(value<T>(t, 0, t.begin + i));
      double exact = asDouble(value<T>(t, 0, t.begin + i)), scale = fabs(exact);
      for (u64 r = 1; r < t.size; r++) {
        T next = value<T>(t, r, t.begin + i);
        sum = combined<W>(t.reduction, sum, asWide<T>(next));
        exact = combinedReal(t.reduction, exact, asDouble(next));
        scale += fabs(asDouble(next));
      }
      if constexpr (!Whole<W>::value) {
        if (t.reduction == 5) {
          sum = sum / static_cast<W>(t.size);
          exact /= static_cast<double>(t.size);
          scale /= static_cast<double>(t.size);
        }
        double d = asDouble(got) - exact;
        difference += d * d;
        norm += scale * scale;
      }
      want = rounded<T>(sum);
    } else if (t.kind == GATHER) {
      u64 each = t.count / t.size;
      want = value<T>(t, i / each, i % each);
    } else if (t.kind == ALL_TO_ALL) {
      u64 each = t.count / t.size;
      want = value<T>(t, i / each, t.rank * each + i % each);
    } else {
      want = value<T>(t, t.root, i);
    }
    const unsigned char *a = reinterpret_cast<const unsigned char *>(&got), *b = reinterpret_cast<const unsigned char *>(&want);
    bool same = true;
    for (int k = 0; k < static_cast<int>(sizeof(T)); k++) same = same && a[k] == b[k];
    wrong += !same;
  }
  if (wrong) atomicAdd(outcome, wrong);
  if (t.kind == REDUCE && !Whole<W>::value) {
    atomicAdd(reinterpret_cast<double *>(outcome + 1), difference);
    atomicAdd(reinterpret_cast<double *>(outcome + 2), norm);
  }
}

#define KERNELS(NAME, T)                                                                       \
  extern "C" __global__ void fill##NAME(Task t) { fill<T>(t); }                                \
  extern "C" __global__ void check##NAME(Task t, u64 *outcome) { check<T>(t, outcome); }

KERNELS(Int8, signed char)
KERNELS(Uint8, unsigned char)
KERNELS(Int32, int)
KERNELS(Int64, long long)
KERNELS(Float32, float)
KERNELS(Float64, double)
KERNELS(Float16, __half)
KERNELS(Bfloat16, __nv_bfloat16)

// Bytes that are not the poison.
extern "C" __global__ void checkPoison(const unsigned char *at, u64 bytes, u64 *outcome) {
  for (u64 i = blockIdx.x * blockDim.x + threadIdx.x; i < bytes; i += gridDim.x * blockDim.x) {
    if (at[i] != 0xA5) atomicAdd(outcome, 1ull);
  }
}

// Occupies a stream until the host opens the gate, or for limitNanos.
extern "C" __global__ void gate(volatile u64 *word, u64 open, u64 limitNanos) {
  u64 begin, at;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(begin));
  do {
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(at));
  } while (*word < open && at - begin < limitNanos);
}

extern "C" __global__ void tail(u64 *at) { *at = *at * 3 + 1; }

extern "C" __global__ void nothing() {}
