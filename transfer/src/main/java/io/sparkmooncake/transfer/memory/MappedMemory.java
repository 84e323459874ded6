// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.util.Objects;
import sun.misc.Unsafe;

/**
 * Memory outside the heap of any size, although a buffer of Java 17 ends at 2 GiB: windows of up to 2 GiB begin every GiB, so
 * any stretch of one GiB lies wholly within some window.
 *
 * <pre>
 *   window 0  |---------------|---------------|
 *   window 1                  |---------------|---------------|
 *   window 2                                  |---------------|-------|
 *             0              1 GiB           2 GiB           3 GiB
 * </pre>
 *
 * <p>Threading: safe from any thread, but nobody may use a slice or an address after {@link #free}: the pages are gone.
 */
final class MappedMemory {
    private static final int STRIDE_BITS = 30;
    private static final long COPY_STEP_BYTES = 1 << 20;
    private static final Unsafe UNSAFE = unsafe();
    private static final long ADDRESS_OFFSET = addressOffset();
    private static final long NUMBER_OFFSET = numberOffset();

    private final ByteBuffer[] windows;
    private final long[] addresses;
    private final long sizeBytes;

    private MappedMemory(ByteBuffer[] windows, long sizeBytes) {
        this.windows = windows;
        this.sizeBytes = sizeBytes;
        this.addresses = new long[windows.length];
        for (int i = 0; i < windows.length; i++) {
            addresses[i] = UNSAFE.getLong(windows[i], ADDRESS_OFFSET);
        }
    }

    /** Maps {@code sizeBytes} of a file from {@code position}; a shorter file is extended, without taking blocks. */
    static MappedMemory map(FileChannel file, long position, long sizeBytes) throws IOException {
        int count = Math.max(1, (int) Math.min(Integer.MAX_VALUE, ((sizeBytes - 1) >>> STRIDE_BITS) + 1));
        ByteBuffer[] windows = new ByteBuffer[count];
        int mapped = 0;
        try {
            for (; mapped < count; mapped++) {
                long start = (long) mapped << STRIDE_BITS;
                long length = Math.min(sizeBytes - start, Integer.MAX_VALUE);
                windows[mapped] = file.map(MapMode.READ_WRITE, position + start, length);
            }
        } finally {
            for (int i = 0; mapped < count && i < mapped; i++) {
                UNSAFE.invokeCleaner(windows[i]);
            }
        }
        return new MappedMemory(windows, sizeBytes);
    }

    /** Takes private memory, zeroed. */
    static MappedMemory allocate(int sizeBytes) {
        return new MappedMemory(new ByteBuffer[] {ByteBuffer.allocateDirect(sizeBytes)}, sizeBytes);
    }

    long sizeBytes() {
        return sizeBytes;
    }

    ByteBuffer slice(long offset, int length) {
        Objects.checkFromIndexSize(offset, length, sizeBytes);
        if (length > HostRegion.MAX_SLICE_BYTES) {
            throw new IndexOutOfBoundsException(
                    "slice length=" + length + " exceeds limit=" + HostRegion.MAX_SLICE_BYTES);
        }
        int window = windowOf(offset);
        return windows[window]
                .slice((int) (offset - ((long) window << STRIDE_BITS)), length)
                .order(ByteOrder.nativeOrder());
    }

    long address(long offset) {
        Objects.checkIndex(offset, sizeBytes + 1);
        int window = windowOf(offset);
        return addresses[window] + offset - ((long) window << STRIDE_BITS);
    }

    /** Reads a word that another process may be writing; what was read before this call was read before the word. */
    long getLongAfterReads(long offset) {
        UNSAFE.loadFence();
        return UNSAFE.getLongVolatile(null, address(offset));
    }

    /** Writes a word for other processes to see before anything that is written after this call. */
    void putLongBeforeWrites(long offset, long value) {
        UNSAFE.putLongVolatile(null, address(offset), value);
        UNSAFE.storeFence(); // plain stores may overtake a volatile one on processors that reorder stores
    }

    /** Copies in steps that let the JVM reach a safepoint in between. Nobody checks bounds here. */
    static void copy(long from, long to, long length) {
        for (long done = 0; done < length; done += COPY_STEP_BYTES) {
            UNSAFE.copyMemory(from + done, to + done, Math.min(COPY_STEP_BYTES, length - done));
        }
    }

    private int windowOf(long offset) {
        return (int) Math.min(offset >>> STRIDE_BITS, windows.length - 1);
    }

    /** Unmaps every window, or frees private memory. Once only. */
    void free() {
        for (ByteBuffer window : windows) {
            UNSAFE.invokeCleaner(window);
        }
    }

    private static Unsafe unsafe() {
        try {
            Field field = Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (Unsafe) field.get(null);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static long addressOffset() {
        try {
            return UNSAFE.objectFieldOffset(Buffer.class.getDeclaredField("address"));
        } catch (NoSuchFieldException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static long numberOffset() {
        try {
            return UNSAFE.objectFieldOffset(FileDescriptor.class.getDeclaredField("fd"));
        } catch (NoSuchFieldException e) {
            return -1;
        }
    }

    /** Returns the number that a descriptor may have, for the caller to check; -1 where the runtime does not tell. */
    static int likelyNumber(FileDescriptor descriptor) {
        return NUMBER_OFFSET < 0 ? -1 : UNSAFE.getInt(descriptor, NUMBER_OFFSET);
    }
}
