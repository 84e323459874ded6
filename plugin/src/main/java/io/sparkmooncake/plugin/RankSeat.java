// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.fabric.DeviceSeat;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.conf.GpuSettings;
import io.sparkmooncake.gpu.collective.DeviceFabric;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.memory.DevicePool;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.time.Duration;

/** One rank on a device, with a pool of its own, which goes with its communicator. Threading: see {@link DeviceSeat}. */
final class RankSeat implements DeviceSeat {
    private final DevicePool pool;
    private final long segmentBytes;
    private final DeviceFabric.Options options;

    RankSeat(Device device, GpuSettings settings, Duration timeout) {
        this.pool = new DevicePool(
                device,
                new DevicePool.Limits(DeviceRegion.Kind.PLAIN, settings.segmentBytes(), settings.memoryBytes()));
        this.segmentBytes = settings.segmentBytes();
        DeviceFabric.Options usual = DeviceFabric.Options.DEFAULT;
        this.options = new DeviceFabric.Options(timeout, usual.kind(), usual.scratchBytes(), usual.stagingBytes());
    }

    @Override
    public String unavailabilityCause() {
        return "";
    }

    @Override
    public Fabric join(Communicator control) throws CollectiveException {
        try {
            pool.allocate(segmentBytes).close(); // so that the pool has a region for the ranks to map
        } catch (GpuException e) {
            control.abort(e.getMessage());
            throw new CollectiveException(Code.REFUSED, e.getMessage(), e);
        }
        return DeviceFabric.join(control, pool, options);
    }

    @Override
    public void close() {
        pool.close();
    }
}
