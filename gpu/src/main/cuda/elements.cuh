// SPDX-License-Identifier: Apache-2.0
// Types, reductions and vectors of 16 bytes.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "call.cuh"

enum Reduction : int { SUM = 1, PROD = 2, MIN = 3, MAX = 4, AVG = 5, AND = 6, OR = 7, XOR = 8 };

struct alignas(16) Vector {
  u32 word[4];
};

__device__ __forceinline__ Vector loadVector(u64 at) {
  Vector v;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
               : "l"(at)
               : "memory");
  return v;
}

__device__ __forceinline__ void storeVector(u64 at, const Vector &v) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(at), "r"(v.word[0]), "r"(v.word[1]), "r"(v.word[2]), "r"(v.word[3])
               : "memory");
}

// The type in which elements are reduced, and the one rounding at the end.
template <class T> struct Sum { using type = T; };
template <> struct Sum<__half> { using type = float; };
template <> struct Sum<__nv_bfloat16> { using type = float; };

template <class T> __device__ __forceinline__ typename Sum<T>::type widen(T x) { return x; }
template <> __device__ __forceinline__ float widen(__half x) { return __half2float(x); }
template <> __device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> __device__ __forceinline__ T narrow(typename Sum<T>::type x) { return x; }
template <> __device__ __forceinline__ __half narrow<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ __nv_bfloat16 narrow<__nv_bfloat16>(float x) { return __float2bfloat16_rn(x); }

// Least and greatest as Java's Math.min and Math.max have them: NaN wins, and -0 is less than +0.
template <class A> __device__ __forceinline__ A least(A a, A b) { return a < b ? a : b; }
template <class A> __device__ __forceinline__ A greatest(A a, A b) { return a > b ? a : b; }
template <> __device__ __forceinline__ float least(float a, float b) {
  float r;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
template <> __device__ __forceinline__ float greatest(float a, float b) {
  float r;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
template <> __device__ __forceinline__ double least(double a, double b) {
  return a != a ? a : b != b ? b : a == b ? (signbit(a) ? a : b) : a < b ? a : b;
}
template <> __device__ __forceinline__ double greatest(double a, double b) {
  return a != a ? a : b != b ? b : a == b ? (signbit(a) ? b : a) : a > b ? a : b;
}

template <class A> struct Floating { static constexpr bool value = false; };
template <> struct Floating<float> { static constexpr bool value = true; };
template <> struct Floating<double> { static constexpr bool value = true; };

// No product is fused into a sum: what the caller sees is one rounding for each operation.
__device__ __forceinline__ float plus(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ double plus(double a, double b) { return __dadd_rn(a, b); }
template <class A> __device__ __forceinline__ A plus(A a, A b) { return a + b; }

template <class A, int K> __device__ __forceinline__ void combine(int op, A (&into)[K], const A (&operand)[K]) {
  switch (op) {
    case SUM:
    case AVG:
#pragma unroll
      for (int k = 0; k < K; k++) into[k] = plus(into[k], operand[k]);
      return;
    case PROD:
#pragma unroll
      for (int k = 0; k < K; k++) into[k] = into[k] * operand[k];
      return;
    case MIN:
#pragma unroll
      for (int k = 0; k < K; k++) into[k] = least(into[k], operand[k]);
      return;
    case MAX:
#pragma unroll
      for (int k = 0; k < K; k++) into[k] = greatest(into[k], operand[k]);
      return;
    default:
      break;
  }
  if constexpr (!Floating<A>::value) {
    switch (op) {
      case AND:
#pragma unroll
        for (int k = 0; k < K; k++) into[k] = into[k] & operand[k];
        return;
      case OR:
#pragma unroll
        for (int k = 0; k < K; k++) into[k] = into[k] | operand[k];
        return;
      default:
#pragma unroll
        for (int k = 0; k < K; k++) into[k] = into[k] ^ operand[k];
        return;
    }
  }
}

template <class A, int K> __device__ __forceinline__ void finish(int op, A (&sum)[K], u32 size) {
  if constexpr (Floating<A>::value) {
    if (op == AVG) {
#pragma unroll
      for (int k = 0; k < K; k++) sum[k] = sum[k] / static_cast<A>(size);
    }
  }
}

// The elements of BYTES bytes: 16 of a vector, 8 of a line.
template <class T, int BYTES> struct Lanes {
  static constexpr int K = BYTES / sizeof(T);
  using A = typename Sum<T>::type;

  template <class Raw> static __device__ __forceinline__ void unpack(const Raw &raw, A (&out)[K]) {
    static_assert(sizeof(Raw) == BYTES, "raw bytes of the lanes");
    T element[K];
    memcpy(element, &raw, BYTES);
#pragma unroll
    for (int k = 0; k < K; k++) out[k] = widen<T>(element[k]);
  }

  template <class Raw> static __device__ __forceinline__ Raw pack(const A (&in)[K]) {
    T element[K];
#pragma unroll
    for (int k = 0; k < K; k++) element[k] = narrow<T>(in[k]);
    Raw raw;
    memcpy(&raw, element, BYTES);
    return raw;
  }
};

template <class T> __device__ __forceinline__ T loadElement(u64 base, u64 index) {
  return *reinterpret_cast<const volatile T *>(base + index * sizeof(T));
}
template <> __device__ __forceinline__ __half loadElement(u64 base, u64 index) {
  return __ushort_as_half(loadElement<unsigned short>(base, index));
}
template <> __device__ __forceinline__ __nv_bfloat16 loadElement(u64 base, u64 index) {
  return __ushort_as_bfloat16(loadElement<unsigned short>(base, index));
}

// How a range of elements is cut: single elements up to the first address that all memories have on 16 bytes, vectors, the rest.
// All elements are single where the memories differ in their alignment.
struct Cut {
  u64 head;
  u64 vectors;
  u64 end;  // first element after the vectors
};

template <class T> __device__ __forceinline__ Cut cutOf(u64 address, u64 differences, u64 count) {
  Cut cut;
  cut.head = count;
  cut.vectors = 0;
  if ((differences & 15) == 0) {
    u64 head = ((16 - (address & 15)) & 15) / sizeof(T);
    if (head < count) {
      cut.head = head;
      cut.vectors = (count - head) / (16 / sizeof(T));
    }
  }
  cut.end = cut.head + cut.vectors * (16 / sizeof(T));
  return cut;
}

// Part index of parts of the range from 0 to length, of nearly equal size.
__device__ __forceinline__ u64 partBegin(u64 length, u64 index, u64 parts) {
  u64 each = (length + parts - 1) / parts;
  u64 begin = each * index;
  return begin < length ? begin : length;
}
