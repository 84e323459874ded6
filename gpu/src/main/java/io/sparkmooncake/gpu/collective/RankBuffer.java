// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.DeviceBuffer;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.gpu.memory.DeviceExtent;

/** A buffer of a rank. Threading: see {@link DeviceBuffer}. */
final class RankBuffer implements DeviceBuffer {
    private final DeviceExtent extent;
    private final DeviceElements elements;
    private final RankMemory memory;

    RankBuffer(DeviceExtent extent, DeviceElements elements, RankMemory memory) {
        this.extent = extent;
        this.elements = elements;
        this.memory = memory;
    }

    @Override
    public DeviceElements elements() {
        return elements;
    }

    @Override
    public void upload(Elements source) {
        memory.upload(source, elements);
    }

    @Override
    public void download(Elements target) {
        memory.download(elements, target);
    }

    @Override
    public void close() {
        extent.close();
    }
}
