// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.DeviceBuffer;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Memory of the devices of several hosts: given on all of them or on none. Threading: see {@link DeviceMemory}. */
final class SharedAllocation implements DeviceMemory {
    private final Communicator all;
    private final DeviceMemory near;

    SharedAllocation(Communicator all, DeviceMemory near) {
        this.all = all;
        this.near = near;
    }

    @Override
    public String unavailabilityCause() {
        return near.unavailabilityCause();
    }

    @Override
    public String device() {
        return near.device();
    }

    @Override
    public DeviceBuffer allocate(DataType type, long count) throws CollectiveException {
        DeviceBuffer buffer = null;
        String failure = "";
        try {
            buffer = near.allocate(type, count);
        } catch (CollectiveException e) {
            failure = Objects.toString(e.getMessage(), e.code().name());
        }
        return given(buffer, failure);
    }

    private DeviceBuffer given(@Nullable DeviceBuffer buffer, String failure) throws CollectiveException {
        boolean given = false;
        try {
            String failures = all.allGatherObjects(failure).stream()
                    .filter(each -> !each.isEmpty())
                    .findFirst()
                    .orElse("");
            if (buffer == null || !failures.isEmpty()) {
                throw new CollectiveException(Code.REFUSED, failures);
            }
            given = true;
            return buffer;
        } finally {
            if (!given && buffer != null) {
                buffer.close();
            }
        }
    }

    @Override
    public void upload(Elements source, DeviceElements target) {
        near.upload(source, target);
    }

    @Override
    public void download(DeviceElements source, Elements target) {
        near.download(source, target);
    }
}
