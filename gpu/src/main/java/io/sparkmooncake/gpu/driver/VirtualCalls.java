// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * The driver's calls for virtual memory, by a library of our own ({@code src/main/c}, built by {@code gpu/build-kernels}). JCuda 12.6.0
 * reads the flags of an allocation from the wrong object, so that each one asks to be a pool of tiles, and passes reserved bytes as
 * the stack has them; its descriptions of access come out wrong, too. Each call returns the driver's code.
 */
final class VirtualCalls {
    private static final String LIBRARY = "libmooncake-gpu-x86_64.so";

    /** Why the library cannot be used; empty where it can. */
    static final String FAILURE = load();

    private VirtualCalls() {}

    private static String load() {
        try (InputStream packed = VirtualCalls.class.getResourceAsStream(LIBRARY)) {
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

    static native int granularity(long[] bytes, int ordinal, int handleType);

    static native int create(long[] handle, long bytes, int ordinal, int handleType);

    static native int release(long handle);

    static native int exportHandle(byte[] exported, long handle, int handleType);

    static native int importHandle(long[] handle, byte[] exported, int handleType);

    static native int map(long[] address, long handle, long bytes, int ordinal);

    static native int unmap(long address, long bytes);
}
