// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Memory of cuMemCreate, mapped by handles: a file descriptor within a host, a fabric handle across the nodes of an NVLink domain.
 * Threading: safe from any thread.
 */
public final class VirtualMemory {
    private static final int PATTERN_BYTES = 4096;

    private final Device device;
    private final Map<Long, Mapping> mappings = new ConcurrentHashMap<>();

    @GuardedBy("this")
    private @Nullable VirtualCalls calls;

    /** How memory is handed to another process. */
    public enum HandleType {
        /** A descriptor, which travels through a Unix socket; its handle is the number in this process. */
        POSIX_FD(1, Integer.BYTES, 102),
        /** 64 bytes that any node of the NVLink domain can import, given an IMEX channel. */
        FABRIC(8, 64, 128);

        private final int number;
        private final int handleBytes;
        private final int attribute;

        HandleType(int number, int handleBytes, int attribute) {
            this.number = number;
            this.handleBytes = handleBytes;
            this.attribute = attribute;
        }
    }

    private record Mapping(long handle, long bytes) {}

    /**
     * Memory that is mapped.
     *
     * @param address of the first byte
     * @param sizeBytes a multiple of the granularity, at least what was asked for
     */
    public record Mapped(long address, long sizeBytes) {}

    VirtualMemory(Device device) {
        this.device = device;
    }

    private void check(int code, String what) {
        DriverCalls.check(code, what, device);
    }

    private synchronized VirtualCalls enter() {
        if (calls == null) {
            calls = open();
        }
        device.enter();
        return calls;
    }

    /** Finds the calls, or says what is missing. */
    static VirtualCalls open() {
        try {
            return VirtualCalls.open();
        } catch (NoClassDefFoundError e) {
            throw new GpuException(
                    GpuException.Code.UNAVAILABLE,
                    "virtual memory needs JNA, which is not on the class path (" + e.getMessage()
                            + "): add net.java.dev.jna:jna, or use plain memory",
                    e);
        } catch (LinkageError e) {
            throw new GpuException(GpuException.Code.UNAVAILABLE, "the driver's library cannot be called: " + e, e);
        }
    }

    /** Creates and maps memory that can be exported as this type; the caller's until {@link #free}. */
    public Mapped create(long bytes, HandleType type) {
        VirtualCalls driver = enter();
        long[] word = new long[1];
        check(driver.granularity(word, device.identity().ordinal(), type.number), "granularity of memory for " + type);
        long size = (bytes + word[0] - 1) / word[0] * word[0];
        check(
                driver.create(word, size, device.identity().ordinal(), type.number),
                "cuMemCreate of bytes=" + size + " for " + type);
        return map(driver, word[0], size);
    }

    /** Maps what another process exported; {@link #free} unmaps it. The bytes are those of the whole allocation. */
    public Mapped open(byte[] exported, long bytes, HandleType type) {
        VirtualCalls driver = enter();
        long[] handle = new long[1];
        check(driver.importHandle(handle, exported, type.number), "cuMemImportFromShareableHandle of " + type);
        return map(driver, handle[0], bytes);
    }

    private Mapped map(VirtualCalls driver, long handle, long bytes) {
        long[] address = new long[1];
        int code = driver.map(address, handle, bytes, device.identity().ordinal());
        if (code != 0) {
            driver.release(handle);
        }
        check(code, "mapping of bytes=" + bytes);
        mappings.put(address[0], new Mapping(handle, bytes));
        return new Mapped(address[0], bytes);
    }

    /** Returns the handle of created memory; a descriptor is the caller's, who closes it. */
    public byte[] export(long address, HandleType type) {
        Mapping mapping = mappings.get(address);
        if (mapping == null) {
            throw new IllegalArgumentException("address=0x" + Long.toHexString(address) + " begins no mapped memory");
        }
        VirtualCalls driver = enter();
        byte[] handle = new byte[type.handleBytes];
        check(driver.exportHandle(handle, mapping.handle(), type.number), "cuMemExportToShareableHandle to " + type);
        return handle;
    }

    /** Unmaps memory; it is freed when nobody has it mapped any more. */
    public void free(long address) {
        Mapping mapping = mappings.remove(address);
        if (mapping != null) {
            VirtualCalls driver = enter();
            int code = driver.unmap(address, mapping.bytes());
            int released = driver.release(mapping.handle());
            check(code == 0 ? released : code, "unmapping of bytes=" + mapping.bytes());
        }
    }

    /** Returns how many mappings are not given back. */
    public int held() {
        return mappings.size();
    }

    /**
     * Tries whether this type really works: creates, exports, imports and maps memory, and reads through one mapping what was written
     * through the other.
     *
     * @param close closes a descriptor of this process
     * @return why it does not; empty where it does
     */
    public String probe(HandleType type, java.util.function.IntConsumer close) {
        long own = 0;
        long other = 0;
        try {
            Mapped created = create(PATTERN_BYTES, type);
            own = created.address();
            byte[] handle = export(own, type);
            other = open(handle, created.sizeBytes(), type).address();
            if (type == HandleType.POSIX_FD) {
                close.accept(
                        ByteBuffer.wrap(handle).order(ByteOrder.nativeOrder()).getInt(0));
            }
            ByteBuffer pattern = ByteBuffer.allocateDirect(PATTERN_BYTES);
            for (int i = 0; i < PATTERN_BYTES; i++) {
                pattern.put(i, (byte) (i * 31 + type.number));
            }
            device.write(other, pattern);
            ByteBuffer seen = ByteBuffer.allocateDirect(PATTERN_BYTES);
            device.read(seen, own);
            return seen.equals(pattern) ? "" : "what was written through an import was not read through the original";
        } catch (GpuException | UnsupportedOperationException e) {
            return e.getMessage() + advice(type);
        } finally {
            free(other);
            free(own);
        }
    }

    private String advice(HandleType type) {
        if (type != HandleType.FABRIC) {
            return "";
        }
        boolean channel = Files.exists(Path.of("/dev/nvidia-caps-imex-channels/channel0"));
        return "; the device says supported=" + device.attribute(type.attribute)
                + (channel
                        ? ", and there is an IMEX channel"
                        : ", and there is no IMEX channel: /dev/nvidia-caps-imex-channels/channel0 is not there");
    }
}
