// SPDX-License-Identifier: Apache-2.0
// The calls of the driver for virtual memory, for Java; see VirtualCalls.java. Needs no header of CUDA: the structures are those of the
// driver API since CUDA 12. Every function returns the driver's code.
#include <dlfcn.h>
#include <jni.h>
#include <string.h>

typedef unsigned long long u64;

struct Location {
  int type, id;
};

struct Properties {
  int type, handleTypes;
  struct Location location;
  void *windows;
  unsigned char compression, rdma;
  unsigned short usage;
  unsigned char reserved[4];
};

struct Access {
  struct Location location;
  int flags;
};

enum { PINNED = 1, ON_DEVICE = 1, READ_WRITE = 3, POSIX_FD = 1, NOT_SUPPORTED = 801 };

// The address of a function of the driver, as a variable of its type.
#define DRIVER(name, ...)                                     \
  int (*name)(__VA_ARGS__) = (int (*)(__VA_ARGS__))find(#name); \
  if (!name) return NOT_SUPPORTED

static void *find(const char *name) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  return driver ? dlsym(driver, name) : 0;
}

static struct Properties propertiesOf(jint ordinal, jint handleType) {
  struct Properties p;
  memset(&p, 0, sizeof p);
  p.type = PINNED;
  p.handleTypes = handleType;
  p.location.type = ON_DEVICE;
  p.location.id = ordinal;
  return p;
}

static void give(JNIEnv *env, jlongArray out, u64 value) {
  jlong word = (jlong)value;
  (*env)->SetLongArrayRegion(env, out, 0, 1, &word);
}

#define CALL(name) JNIEXPORT jint JNICALL Java_io_sparkmooncake_gpu_driver_VirtualCalls_##name

CALL(granularity)(JNIEnv *env, jclass self, jlongArray out, jint ordinal, jint handleType) {
  (void)self;
  DRIVER(cuMemGetAllocationGranularity, size_t *, const struct Properties *, int);
  struct Properties p = propertiesOf(ordinal, handleType);
  size_t grain = 0;
  int code = cuMemGetAllocationGranularity(&grain, &p, 1);
  give(env, out, grain);
  return code;
}

CALL(create)(JNIEnv *env, jclass self, jlongArray out, jlong bytes, jint ordinal, jint handleType) {
  (void)self;
  DRIVER(cuMemCreate, u64 *, size_t, const struct Properties *, u64);
  struct Properties p = propertiesOf(ordinal, handleType);
  u64 handle = 0;
  int code = cuMemCreate(&handle, (size_t)bytes, &p, 0);
  give(env, out, handle);
  return code;
}

CALL(release)(JNIEnv *env, jclass self, jlong handle) {
  (void)env, (void)self;
  DRIVER(cuMemRelease, u64);
  return cuMemRelease((u64)handle);
}

// Writes a descriptor as an int, or the bytes of a fabric handle.
CALL(exportHandle)(JNIEnv *env, jclass self, jbyteArray out, jlong handle, jint handleType) {
  (void)self;
  DRIVER(cuMemExportToShareableHandle, void *, u64, int, u64);
  jbyte bytes[64];
  memset(bytes, 0, sizeof bytes);
  int code = cuMemExportToShareableHandle(bytes, (u64)handle, handleType, 0);
  jsize length = (*env)->GetArrayLength(env, out);
  (*env)->SetByteArrayRegion(env, out, 0, length < 64 ? length : 64, bytes);
  return code;
}

CALL(importHandle)(JNIEnv *env, jclass self, jlongArray out, jbyteArray exported, jint handleType) {
  (void)self;
  DRIVER(cuMemImportFromShareableHandle, u64 *, void *, int);
  jbyte bytes[64];
  memset(bytes, 0, sizeof bytes);
  jsize length = (*env)->GetArrayLength(env, exported);
  (*env)->GetByteArrayRegion(env, exported, 0, length < 64 ? length : 64, bytes);
  int descriptor;
  memcpy(&descriptor, bytes, sizeof descriptor);
  u64 handle = 0;
  void *shared = handleType == POSIX_FD ? (void *)(size_t)descriptor : (void *)bytes;
  int code = cuMemImportFromShareableHandle(&handle, shared, handleType);
  give(env, out, handle);
  return code;
}

CALL(unmap)(JNIEnv *env, jclass self, jlong address, jlong bytes) {
  (void)env, (void)self;
  DRIVER(cuMemUnmap, u64, size_t);
  DRIVER(cuMemAddressFree, u64, size_t);
  int code = cuMemUnmap((u64)address, (size_t)bytes);
  int freed = cuMemAddressFree((u64)address, (size_t)bytes);
  return code ? code : freed;
}

// Reserves addresses, maps all of the memory there, and lets the device read and write it; or leaves nothing behind.
CALL(map)(JNIEnv *env, jclass self, jlongArray out, jlong handle, jlong bytes, jint ordinal) {
  (void)self;
  DRIVER(cuMemAddressReserve, u64 *, size_t, size_t, u64, u64);
  DRIVER(cuMemAddressFree, u64, size_t);
  DRIVER(cuMemMap, u64, size_t, size_t, u64, u64);
  DRIVER(cuMemUnmap, u64, size_t);
  DRIVER(cuMemSetAccess, u64, size_t, const struct Access *, size_t);
  u64 at = 0;
  int code = cuMemAddressReserve(&at, (size_t)bytes, 0, 0, 0);
  if (code) return code;
  code = cuMemMap(at, (size_t)bytes, 0, (u64)handle, 0);
  if (!code) {
    struct Access access = {{ON_DEVICE, ordinal}, READ_WRITE};
    code = cuMemSetAccess(at, (size_t)bytes, &access, 1);
    if (code) cuMemUnmap(at, (size_t)bytes);
  }
  if (code) {
    cuMemAddressFree(at, (size_t)bytes);
    return code;
  }
  give(env, out, at);
  return 0;
}
