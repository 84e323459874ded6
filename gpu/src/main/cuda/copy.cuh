// SPDX-License-Identifier: Apache-2.0
// Copies by threads, of any length and alignment.
#pragma once
#include "elements.cuh"

template <class Word>
__device__ __forceinline__ void copyWords(u64 target, u64 source, u64 words, u64 lane, u64 lanes) {
  for (u64 i = lane; i < words; i += 4 * lanes) {
    Word v[4];
#pragma unroll
    for (int u = 0; u < 4; u++)
      if (i + u * lanes < words) v[u] = *reinterpret_cast<const volatile Word *>(source + (i + u * lanes) * sizeof(Word));
#pragma unroll
    for (int u = 0; u < 4; u++)
      if (i + u * lanes < words) *reinterpret_cast<volatile Word *>(target + (i + u * lanes) * sizeof(Word)) = v[u];
  }
}

template <int COPY_DEPTH = 8>
__device__ __forceinline__ void copyVectors(u64 target, u64 source, u64 vectors, u64 lane, u64 lanes) {
  u64 i = lane;
  for (; i + (COPY_DEPTH - 1) * lanes < vectors; i += COPY_DEPTH * lanes) {
    Vector v[COPY_DEPTH];
#pragma unroll
    for (int u = 0; u < COPY_DEPTH; u++) v[u] = loadVector(source + (i + u * lanes) * 16);
#pragma unroll
    for (int u = 0; u < COPY_DEPTH; u++) storeVector(target + (i + u * lanes) * 16, v[u]);
  }
  for (; i < vectors; i += lanes) {
    storeVector(target + i * 16, loadVector(source + i * 16));
  }
}

// Copies bytes by `lanes` threads of which the caller is number `lane`; vectors where source and target agree on 16 bytes, words
// where they agree on 4, else bytes.
__device__ __forceinline__ void copyBytes(u64 target, u64 source, u64 bytes, u64 lane, u64 lanes) {
  u64 differs = target ^ source;
  if ((differs & 3) != 0) {
    copyWords<unsigned char>(target, source, bytes, lane, lanes);
    return;
  }
  u64 wide = (differs & 15) == 0 ? 16 : 4;
  u64 head = (wide - (source & (wide - 1))) & (wide - 1);
  if (head > bytes) head = bytes;
  u64 body = (bytes - head) / wide;
  u64 done = head + body * wide;
  copyWords<unsigned char>(target, source, head, lane, lanes);
  if (wide == 16) {
    copyVectors(target + head, source + head, body, lane, lanes);
  } else {
    copyWords<u32>(target + head, source + head, body, lane, lanes);
  }
  copyWords<unsigned char>(target + done, source + done, bytes - done, lane, lanes);
}
