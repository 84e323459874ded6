// SPDX-License-Identifier: Apache-2.0
// The driver API with errors that say what failed, and modules whose kernels are all loaded at once.
#pragma once
#include <cuda.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

using u64 = unsigned long long;

inline std::string nameOf(CUresult code) {
  const char *name = "?", *text = "?";
  cuGetErrorName(code, &name);
  cuGetErrorString(code, &text);
  return std::string(name) + " (" + text + ")";
}

inline void ok(CUresult code, const char *what, int line) {
  if (code != CUDA_SUCCESS) {
    fprintf(stderr, "pid %d line %d: %s: %s\n", (int)getpid(), line, what, nameOf(code).c_str());
    _exit(3);
  }
}
#define CU(x) ok((x), #x, __LINE__)

inline double seconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

inline std::string contentOf(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    fprintf(stderr, "cannot read %s\n", path.c_str());
    _exit(3);
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// A module with every kernel of it fetched, which loads them: nothing is loaded at a first launch.
class Module {
 public:
  explicit Module(const std::string &path) {
    std::string text = contentOf(path);
    CU(cuModuleLoadData(&module_, text.c_str()));
    unsigned count = 0;
    CU(cuModuleGetFunctionCount(&count, module_));
    std::vector<CUfunction> all(count);
    CU(cuModuleEnumerateFunctions(all.data(), count, module_));
    for (CUfunction f : all) {
      const char *name;
      CU(cuFuncLoad(f));
      CU(cuFuncGetName(&name, f));
      functions_[name] = f;
    }
  }
  CUfunction operator[](const std::string &name) const {
    auto found = functions_.find(name);
    if (found == functions_.end()) {
      fprintf(stderr, "no kernel %s\n", name.c_str());
      _exit(3);
    }
    return found->second;
  }
  size_t count() const { return functions_.size(); }

 private:
  CUmodule module_;
  std::map<std::string, CUfunction> functions_;
};

struct Call {  // as in call.cuh
  u64 rank, size, ticket, limitNanos, signature, count, reduction, root, source, target, bases, slots, control, report, variant,
      lineWords, chunk, ownSource, ownTarget, near[8], blocks;
};

struct Task {  // as in reference.cu
  u64 kind, address, count, seed, rank, size, reduction, root, begin;
};
