// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceEvent;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.ProcessDescriptors;
import io.sparkmooncake.gpu.driver.VirtualMemory.HandleType;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.gpu.memory.PeerMapping;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.OwnerCount;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Device memory that batches move, and that peers map where it was allocated here. Counted as every region.
 *
 * <p>Memory that was freed while a peer has it mapped stays until the peer lets it go.
 *
 * <p>Threading: safe from any thread.
 */
public final class DeviceMemory implements MemoryRegion {
    private static final SecureRandom RANDOM = new SecureRandom();

    /** Allocations of the driver that are shorter share a handle with others. */
    private static final long GRAIN_BYTES = 2 << 20;

    private static final Duration REVOKE_LIMIT = Duration.ofSeconds(10);

    private final Device device;
    private final @Nullable DeviceRegion region;
    private final long address;
    private final RegionDescriptor descriptor;
    private final int exported;
    private final OwnerCount owners;

    @GuardedBy("this")
    private final ArrayDeque<DeviceEvent> marks = new ArrayDeque<>();

    private DeviceMemory(
            Device device, @Nullable DeviceRegion region, long address, RegionDescriptor descriptor, int exported) {
        this.device = device;
        this.region = region;
        this.address = address;
        this.descriptor = descriptor;
        this.owners = new OwnerCount(descriptor.id());
        this.exported = exported;
    }

    /**
     * Allocates memory that peers map; its content is undefined.
     *
     * @param kind PLAIN, VIRTUAL, or FABRIC
     * @throws GpuException OUT_OF_MEMORY with the device's figures
     */
    public static DeviceMemory allocate(Device device, DeviceRegion.Kind kind, long sizeBytes) {
        return allocate((on, bytes) -> DeviceRegion.allocate(on, kind, bytes), device, sizeBytes);
    }

    static DeviceMemory allocate(Domain.Creation creation, Device device, long sizeBytes) {
        if (sizeBytes <= 0) {
            throw new IllegalArgumentException("region size=" + sizeBytes + " must be positive");
        }
        long needed = RegionTag.offset(sizeBytes) + RegionTag.BYTES;
        DeviceRegion region = creation.create(device, (needed + GRAIN_BYTES - 1) / GRAIN_BYTES * GRAIN_BYTES);
        int exported = -1;
        boolean made = false;
        try {
            long id = RANDOM.nextLong() & Long.MAX_VALUE;
            long key = RANDOM.nextLong();
            device.write(region.address() + RegionTag.offset(sizeBytes), RegionTag.encode(id, key, sizeBytes));
            String handle = switch (region.kind()) {
                case VIRTUAL -> {
                    byte[] number = device.virtual().export(region.address(), HandleType.POSIX_FD);
                    exported = ByteBuffer.wrap(number)
                            .order(ByteOrder.nativeOrder())
                            .getInt(0);
                    yield Integer.toString(exported);
                }
                case FABRIC -> HexFormat.of().formatHex(device.virtual().export(region.address(), HandleType.FABRIC));
                default -> HexFormat.of().formatHex(device.plain().export(region.address()));
            };
            RegionPath path = new RegionPath(
                    region.kind(),
                    PeerMapping.PROCESS,
                    ProcessHandle.current().pid(),
                    device.identity().uuid(),
                    region.address(),
                    region.sizeBytes(),
                    handle);
            RegionDescriptor descriptor =
                    new RegionDescriptor(id, key, sizeBytes, device.identity().location(), path.encode());
            made = true;
            return new DeviceMemory(device, region, region.address(), descriptor, exported);
        } finally {
            if (!made) {
                if (exported >= 0) {
                    ProcessDescriptors.close(exported);
                }
                region.close();
            }
        }
    }

    /**
     * Wraps memory that somebody else keeps for as long as this is counted: batches move it, peers reach it only where it is staged.
     */
    public static DeviceMemory of(Device device, long address, long sizeBytes) {
        RegionDescriptor descriptor = new RegionDescriptor(
                RANDOM.nextLong() & Long.MAX_VALUE,
                RANDOM.nextLong(),
                sizeBytes,
                device.identity().location(),
                "");
        return new DeviceMemory(device, null, address, descriptor, -1);
    }

    /** Returns the device. */
    public Device device() {
        return device;
    }

    /** Returns where its first byte is, in this process. */
    public long address() {
        return address;
    }

    /**
     * Lets transfers of this memory that are submitted from now on begin only when what is queued in the stream by now is done.
     * Nothing waits here: an event is recorded, and polled.
     */
    public void after(DeviceStream stream) {
        DeviceEvent mark = device.event();
        mark.record(stream);
        synchronized (this) {
            marks.addLast(mark);
        }
    }

    /** Tells that everything that transfers come after is done. */
    synchronized boolean isReady() {
        while (!marks.isEmpty() && marks.getFirst().isDone()) {
            marks.removeFirst().close();
        }
        return marks.isEmpty();
    }

    /**
     * Makes every transfer of peers fail that has not ended, and all later ones. The caller holds a count.
     *
     * @throws GpuException TIMED_OUT where the device does not even write a word
     */
    void revoke() {
        if (region != null) {
            try (DeviceStream stream = device.stream()) {
                long state = address + RegionTag.offset(descriptor.sizeBytes()) + RegionTag.STATE_OFFSET;
                device.fill(state, RegionTag.REVOKED, RegionTag.STATE_BYTES, stream);
                stream.synchronize(REVOKE_LIMIT);
            } catch (GpuException e) {
                ignoreLost(e);
            }
        }
    }

    @Override
    public long id() {
        return descriptor.id();
    }

    @Override
    public RegionDescriptor descriptor() {
        return descriptor;
    }

    @Override
    public long sizeBytes() {
        return descriptor.sizeBytes();
    }

    @Override
    public Location location() {
        return descriptor.location();
    }

    @Override
    public void retain() {
        owners.retain();
    }

    @Override
    public boolean tryRetain() {
        return owners.tryRetain();
    }

    @Override
    public void release() {
        if (owners.release()) {
            free();
        }
    }

    private void free() {
        if (exported >= 0) {
            ProcessDescriptors.close(exported);
        }
        boolean standsStill = false;
        try {
            synchronized (this) {
                marks.forEach(DeviceEvent::close);
                marks.clear();
            }
            revoke();
        } catch (GpuException e) {
            standsStill = e.code() == GpuException.Code.TIMED_OUT;
            if (!standsStill) {
                ignoreLost(e);
            }
        } finally {
            // Freeing would wait for what stands still, however long; such memory goes with the process.
            if (!standsStill) {
                closeRegion();
            }
        }
    }

    private void closeRegion() {
        try {
            if (region != null) {
                region.close();
            }
        } catch (GpuException e) {
            ignoreLost(e);
        }
    }

    /** What a failed kernel has taken is given back with the process. */
    private static void ignoreLost(GpuException e) {
        if (e.code() != GpuException.Code.DEVICE_LOST) {
            throw e;
        }
    }

    @Override
    public String toString() {
        return "device region id=" + id() + " size=" + sizeBytes() + " on " + device;
    }
}
