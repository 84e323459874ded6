// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Copies between vectors of the host and a device through pinned memory, a piece at a time. Made with the first copy. Threading: one
 * thread at a time.
 */
final class Copies implements AutoCloseable {
    private static final int PINNED_BYTES = 4 << 20;

    private final Device device;
    private final Duration limit;
    private final Map<DataType, Elements> views = new EnumMap<>(DataType.class);
    private @Nullable Lane lane;
    private boolean stuck;

    /** The pinned memory, and the stream of its copies. */
    private record Lane(PinnedMemory memory, DeviceStream stream) {}

    Copies(Device device, Duration limit) {
        this.device = device;
        this.limit = limit;
    }

    private Lane lane() {
        Lane made = lane;
        if (stuck) {
            throw new GpuException(GpuException.Code.REFUSED, "an earlier copy on " + device + " did not end");
        }
        if (made == null) {
            made = new Lane(device.pin(PINNED_BYTES), device.stream());
            lane = made;
        }
        return made;
    }

    private Elements view(Lane lane, DataType type) {
        return views.computeIfAbsent(type, each -> {
            ByteBuffer bytes = lane.memory.bytes().duplicate().order(ByteOrder.nativeOrder());
            return Elements.of(bytes.clear(), each);
        });
    }

    void upload(Elements source, DeviceElements target) {
        Lane way = lane();
        Elements pinned = view(way, target.type());
        for (long at = 0, n; at < target.count(); at += n) {
            n = Math.min(pinned.count(), target.count() - at);
            source.copyTo(at, pinned, 0, n);
            device.upload(
                    target.slice(at, n).address(),
                    way.memory,
                    0,
                    n * target.type().sizeBytes(),
                    way.stream);
            settle(way);
        }
    }

    void download(DeviceElements source, Elements target) {
        Lane way = lane();
        Elements pinned = view(way, source.type());
        for (long at = 0, n; at < source.count(); at += n) {
            n = Math.min(pinned.count(), source.count() - at);
            device.download(
                    way.memory,
                    0,
                    source.slice(at, n).address(),
                    n * source.type().sizeBytes(),
                    way.stream);
            settle(way);
            pinned.copyTo(0, target, at, n);
        }
    }

    /** A copy that does not end may still use the pinned memory, so nobody else does, and it is not freed. */
    private void settle(Lane way) {
        try {
            way.stream.synchronize(limit);
        } catch (GpuException e) {
            stuck = e.code() == GpuException.Code.TIMED_OUT;
            throw e;
        }
    }

    @Override
    public void close() {
        Lane made = lane;
        if (made != null && !stuck) {
            made.stream.close();
            made.memory.close();
            lane = null;
            views.clear();
        }
    }
}
