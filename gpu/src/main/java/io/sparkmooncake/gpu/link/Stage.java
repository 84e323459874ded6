// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.nio.ByteBuffer;

/**
 * Pinned memory and a stream through which a device's memory and a window of the host are copied. Threading: one thread at a time, by
 * its own lock.
 */
final class Stage implements AutoCloseable {
    static final int BYTES = 4 << 20;

    private final Device device;
    private final DeviceStream stream;
    private final PinnedMemory pinned;

    Stage(Device device) {
        this.device = device;
        this.stream = device.stream();
        this.pinned = device.pin(BYTES);
    }

    /** Copies from the device to the window, or the other way; returns when it is there. */
    synchronized void download(long address, HostRegion window, long at, int length) {
        device.download(pinned, 0, address, length, stream);
        stream.synchronize();
        window.slice(at, length).put(pinned.bytes().duplicate().limit(length));
    }

    synchronized void upload(HostRegion window, long at, long address, int length) {
        ByteBuffer from = window.slice(at, length);
        pinned.bytes().put(0, from, 0, length);
        device.upload(address, pinned, 0, length, stream);
        stream.synchronize();
    }

    @Override
    public void close() {
        stream.close();
        pinned.close();
    }
}
