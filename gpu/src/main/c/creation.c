// SPDX-License-Identifier: Apache-2.0
// cuMemCreate for Java; see Creation.java. Needs no header of CUDA: the structure is that of the driver API since CUDA 12.
#include <dlfcn.h>
#include <jni.h>
#include <string.h>

struct Properties {
  int type, handleTypes, locationType, location;
  void *windows;
  unsigned char compression, rdma;
  unsigned short usage;
  unsigned char reserved[4];
};

typedef int (*Create)(unsigned long long *, size_t, const struct Properties *, unsigned long long);

JNIEXPORT jint JNICALL Java_io_sparkmooncake_gpu_driver_Creation_createNative(JNIEnv *env, jclass self, jlongArray handle, jlong bytes,
                                                                              jint ordinal, jint handleType) {
  (void)self;
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  Create create = driver ? (Create)dlsym(driver, "cuMemCreate") : 0;
  if (!create) return 801;  // not supported
  struct Properties properties;
  memset(&properties, 0, sizeof properties);
  properties.type = 1;  // pinned
  properties.handleTypes = handleType;
  properties.locationType = 1;  // device
  properties.location = ordinal;
  unsigned long long created = 0;
  int code = create(&created, (size_t)bytes, &properties, 0);
  jlong value = (jlong)created;
  (*env)->SetLongArrayRegion(env, handle, 0, 1, &value);
  return code;
}
