// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;

/**
 * Pinned memory and a stream through which a device's memory and a window of the host are copied. Threading: one thread at a time, by
 * its own lock.
 */
final class Stage implements AutoCloseable {
    static final int BYTES = 4 << 20;

    /** For 4 MiB, which takes less than a millisecond. */
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Device device;
    private final DeviceStream stream;
    private final PinnedMemory pinned;
    private String unusable = "";
    private boolean stuck;

    /**
     * A stretch of device memory and its place in the window. Those of one call follow each other without a gap.
     *
     * @param address of the device memory
     * @param at in the window
     * @param length in bytes
     */
    record Span(long address, long at, int length) {}

    Stage(Device device) {
        this.device = device;
        try (Taken taken = new Taken()) {
            this.stream = taken.add(device.stream(), DeviceStream::close);
            this.pinned = device.pin(BYTES);
            taken.keep();
        }
    }

    private void checkOpen() {
        if (!unusable.isEmpty()) {
            throw new GpuException(GpuException.Code.REFUSED, "staging on " + device + " " + unusable);
        }
    }

    private static int end(List<Span> spans) {
        Span last = spans.get(spans.size() - 1);
        return (int) last.at() + last.length();
    }

    /** Copies from the device to the window; returns when it is there. */
    synchronized void download(List<Span> spans, HostRegion window) {
        checkOpen();
        for (Span each : spans) {
            device.download(pinned, each.at(), each.address(), each.length(), stream);
        }
        settle();
        int from = (int) spans.get(0).at();
        ByteBuffer bytes = pinned.bytes().duplicate().limit(end(spans)).position(from);
        window.slice(from, end(spans) - from).put(bytes);
    }

    /** Copies from the window to the device; returns when it is there. */
    synchronized void upload(List<Span> spans, HostRegion window) {
        checkOpen();
        int from = (int) spans.get(0).at();
        int length = end(spans) - from;
        pinned.bytes().put(from, window.slice(from, length), 0, length);
        for (Span each : spans) {
            device.upload(each.address(), pinned, each.at(), each.length(), stream);
        }
        settle();
    }

    /** Copies that do not end may still write the pinned memory, so it serves nobody after them. */
    private void settle() {
        try {
            stream.synchronize(LIMIT);
        } catch (GpuException e) {
            unusable = "has failed: " + e.getMessage();
            stuck = e.code() == GpuException.Code.TIMED_OUT;
            throw e;
        }
    }

    @Override
    public synchronized void close() {
        unusable = "is closed";
        if (!stuck) {
            stream.close();
            pinned.close();
        }
    }
}
