// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.DeviceBuffer;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.memory.DeviceExtent;
import io.sparkmooncake.gpu.memory.DevicePool;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Buffers from a group's pool. A region that the pool grew by is shared with the other ranks before the buffer is given, so that
 * operations use every buffer in place. Threading: see {@link DeviceMemory}.
 */
final class RankMemory implements DeviceMemory {
    private final DeviceGroup group;
    private final DevicePool pool;
    private final Copies copies;
    private final List<DeviceRegion> shared;

    RankMemory(DeviceGroup group, DevicePool pool) {
        this.group = group;
        this.pool = pool;
        this.copies = new Copies(group.device, group.options.timeout());
        this.shared = new ArrayList<>(pool.regions());
    }

    @Override
    public String unavailabilityCause() {
        return "";
    }

    @Override
    public String device() {
        return group.device.identity().describe();
    }

    @Override
    public void upload(Elements source, DeviceElements target) {
        requireSame(source, target);
        copies.upload(source, target);
    }

    @Override
    public void download(DeviceElements source, Elements target) {
        requireSame(target, source);
        copies.download(source, target);
    }

    private static void requireSame(Elements host, DeviceElements device) {
        if (host.type() != device.type() || host.count() != device.count() || host instanceof DeviceElements) {
            throw new IllegalArgumentException(device.type().label() + "[" + device.count() + "] on "
                    + device.location() + " is copied from and to as many elements of that type on the host, not "
                    + host.type().label() + "[" + host.count() + "]");
        }
    }

    @Override
    public DeviceBuffer allocate(DataType type, long count) throws CollectiveException {
        if (count < 1) {
            throw new IllegalArgumentException("count=" + count + " of a buffer, least is 1");
        }
        DeviceExtent extent = null;
        String failure = "";
        try {
            extent = pool.allocate(Math.multiplyExact(count, type.sizeBytes()));
        } catch (GpuException e) {
            failure = "rank " + group.self.rank() + ": " + e.getMessage() + " ";
        }
        boolean given = false;
        try {
            DeviceBuffer buffer = settle(extent, failure, type, count);
            given = true;
            return buffer;
        } finally {
            if (!given && extent != null) {
                extent.close();
            }
        }
    }

    private DeviceBuffer settle(@Nullable DeviceExtent extent, String failure, DataType type, long count)
            throws CollectiveException {
        List<DeviceRegion> fresh = new ArrayList<>(pool.regions());
        fresh.removeAll(shared);
        String all =
                String.join("", group.control.allGatherObjects(failure.isEmpty() && !fresh.isEmpty() ? "+" : failure));
        String failures = all.replace("+", "");
        if (extent == null || !failures.isEmpty()) {
            throw new CollectiveException(
                    Code.REFUSED,
                    "communicator=" + group.self.communicator() + " epoch=" + group.self.epoch()
                            + ": memory of devices: " + failures);
        }
        if (!all.isEmpty()) {
            group.share(fresh);
            shared.addAll(fresh);
        }
        return new RankBuffer(extent, extent.elements(type, 0, count), this);
    }

    void close() {
        copies.close();
    }
}
