// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.testing.Pattern;
import io.sparkmooncake.transfer.testing.TransportFixture;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Starts transports of device memory; the reader is on the first device of the host, owners are on the last. */
public abstract class DeviceFixture implements TransportFixture {
    private static final int STEP_BYTES = 16 << 20;

    private @Nullable Device device;

    /** Legacy IPC. */
    public static final class Plain extends DeviceFixture {
        @Override
        public End open(String name) {
            return mapped(name, Domain.NVLINK);
        }
    }

    /** Descriptors. */
    public static final class Virtual extends DeviceFixture {
        @Override
        public End open(String name) {
            return mapped(name, Domain.NVLINK);
        }

        @Override
        DeviceRegion.Kind kind() {
            return DeviceRegion.Kind.VIRTUAL;
        }
    }

    /** The path between nodes, whose memory is made with descriptors because the hardware refuses the fabric's. */
    public static final class Fabric extends DeviceFixture {
        private static final Domain FAKE = new Domain(
                "mnnvl",
                Set.of(DeviceRegion.Kind.VIRTUAL),
                Domain.Reach.NODES,
                (on, bytes) -> DeviceRegion.allocate(on, DeviceRegion.Kind.VIRTUAL, bytes));

        @Override
        public End open(String name) {
            return mapped(name, FAKE);
        }

        @Override
        DeviceRegion.Kind kind() {
            return DeviceRegion.Kind.VIRTUAL;
        }
    }

    DeviceRegion.Kind kind() {
        return DeviceRegion.Kind.PLAIN;
    }

    /** Returns the device of this process's end. */
    Device device(String name) {
        if (device == null) {
            boolean first = name.equals("reader") || name.equals("first");
            device = Device.open(first ? 0 : Cuda.devices().size() - 1);
        }
        return device;
    }

    Device device() {
        return device("reader");
    }

    End mapped(String name, Domain domain) {
        return end(name, DevicePaths.start(domain, List.of(device(name))));
    }

    private static End end(String name, Transport transport) {
        long epoch = ThreadLocalRandom.current().nextLong();
        PeerRecord record = new PeerRecord(name, epoch, "127.0.0.1", 1, transport.attributes());
        return new End() {
            @Override
            public Transport transport() {
                return transport;
            }

            @Override
            public PeerRecord record() {
                return record;
            }

            @Override
            public long refusedRequests() {
                return transport.refusedRequests();
            }

            @Override
            public void close() {
                transport.close();
            }
        };
    }

    @Override
    public boolean frozenOwnersCanBeRead() {
        return true;
    }

    @Override
    public boolean readerCountsRefusals() {
        return true;
    }

    @Override
    public MemoryRegion create(Path dir, long sizeBytes) {
        return DeviceMemory.allocate(device(), kind(), sizeBytes);
    }

    @Override
    public void fill(MemoryRegion region, long offset, long length, long seed) {
        if (region instanceof HostRegion host) {
            Pattern.fill(host, offset, length, seed);
            return;
        }
        DeviceMemory memory = (DeviceMemory) region;
        ByteBuffer bytes = ByteBuffer.allocateDirect((int) Math.min(STEP_BYTES, length));
        for (long done = 0; done < length; done += STEP_BYTES) {
            int step = (int) Math.min(STEP_BYTES, length - done);
            for (int i = 0; i < step; i++) {
                bytes.put(i, Pattern.at(seed, offset + done + i));
            }
            device().write(memory.address() + offset + done, bytes.clear().limit(step));
        }
    }

    @Override
    public long mismatch(MemoryRegion region, long offset, long length, long seed, long patternOffset) {
        if (region instanceof HostRegion host) {
            return Pattern.mismatch(host, offset, length, seed, patternOffset);
        }
        DeviceMemory memory = (DeviceMemory) region;
        ByteBuffer bytes = ByteBuffer.allocateDirect((int) Math.max(1, Math.min(STEP_BYTES, length)));
        for (long done = 0; done < length; done += STEP_BYTES) {
            int step = (int) Math.min(STEP_BYTES, length - done);
            device().read(bytes.clear().limit(step), memory.address() + offset + done);
            for (int i = 0; i < step; i++) {
                if (bytes.get(i) != Pattern.at(seed, patternOffset + done + i)) {
                    return done + i;
                }
            }
        }
        return -1;
    }
}
