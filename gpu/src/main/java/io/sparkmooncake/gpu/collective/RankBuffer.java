// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.spi.DeviceBuffer;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.gpu.memory.DeviceExtent;

/** A buffer of a rank. Threading: see {@link DeviceBuffer}. */
final class RankBuffer implements DeviceBuffer {
    private final DeviceExtent extent;
    private final DeviceElements elements;
    private final Copies copies;

    RankBuffer(DeviceExtent extent, DeviceElements elements, Copies copies) {
        this.extent = extent;
        this.elements = elements;
        this.copies = copies;
    }

    @Override
    public DeviceElements elements() {
        return elements;
    }

    @Override
    public void upload(Elements source) {
        requireSame(source);
        copies.upload(source, elements);
    }

    @Override
    public void download(Elements target) {
        requireSame(target);
        copies.download(elements, target);
    }

    private void requireSame(Elements host) {
        if (host.type() != elements.type() || host.count() != elements.count() || host instanceof DeviceElements) {
            throw new IllegalArgumentException("a buffer of " + elements.type().label() + "[" + elements.count()
                    + "] is copied from and to as many elements of that type on the host, not "
                    + host.type().label() + "[" + host.count() + "]");
        }
    }

    @Override
    public void close() {
        extent.close();
    }
}
