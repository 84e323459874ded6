// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import io.sparkmooncake.gpu.driver.GpuException.Code;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import jcuda.NativePointerObject;
import jcuda.driver.CUmemGenericAllocationHandle;

/**
 * cuMemCreate by a library of our own ({@code src/main/c}, built by {@code gpu/build-kernels}). JCuda 12.6.0 reads the flags of an
 * allocation from the wrong object, so that every allocation asks to be a pool of tiles, and passes reserved bytes as the stack has
 * them; the driver refuses both.
 */
final class Creation {
    private static final String LIBRARY = "libmooncake-gpu-x86_64.so";

    private Creation() {}

    /** Loaded when it is first used, once for each class loader. */
    private static final class Loaded {
        private static final String FAILURE = load();

        private Loaded() {}

        private static String load() {
            try (InputStream packed = Creation.class.getResourceAsStream(LIBRARY)) {
                if (packed == null) {
                    return "the jar has no " + LIBRARY;
                }
                Path folder = Files.createTempDirectory("mooncake-gpu");
                Path file = folder.resolve(LIBRARY);
                try {
                    Files.copy(packed, file, StandardCopyOption.REPLACE_EXISTING);
                    System.load(file.toString());
                } finally {
                    Files.deleteIfExists(file);
                    Files.delete(folder);
                }
                return "";
            } catch (IOException | LinkageError e) {
                return LIBRARY + " cannot be loaded: " + e;
            }
        }
    }

    /** Returns the driver's code; fills in the handle. */
    static int create(CUmemGenericAllocationHandle handle, long bytes, int ordinal, int handleType) {
        if (!Loaded.FAILURE.isEmpty()) {
            throw new GpuException(Code.UNAVAILABLE, Loaded.FAILURE);
        }
        long[] created = new long[1];
        int code = createNative(created, bytes, ordinal, handleType);
        try {
            Field pointer = NativePointerObject.class.getDeclaredField("nativePointer");
            pointer.setAccessible(true);
            pointer.setLong(handle, created[0]);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JCuda keeps handles otherwise than 12.6.0", e);
        }
        return code;
    }

    private static native int createNative(long[] handle, long bytes, int ordinal, int handleType);
}
