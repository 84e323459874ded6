// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;

/**
 * Memory of a rank's device, as its communicator gives it. Either all ranks of a communicator have it, or none, with one reason.
 *
 * <p>Threading: one thread at a time, not beside an operation of the communicator.
 */
public interface DeviceMemory {
    /** Returns the memory of a communicator that takes none of a device, and refuses it with this reason. */
    static DeviceMemory none(String cause) {
        return new DeviceMemory() {
            @Override
            public String unavailabilityCause() {
                return cause;
            }

            @Override
            public String device() {
                return "";
            }

            @Override
            public DeviceBuffer allocate(DataType type, long count) {
                throw refused();
            }

            @Override
            public void upload(Elements source, DeviceElements target) {
                throw refused();
            }

            @Override
            public void download(DeviceElements source, Elements target) {
                throw refused();
            }

            private IllegalStateException refused() {
                return new IllegalStateException("no memory of a device is to be had: " + cause);
            }
        };
    }

    /** Returns why the communicator takes no memory of a device; empty where it does. */
    String unavailabilityCause();

    /** Returns which device this rank has, for people: {@code cuda:0 (NVIDIA H200 at 0000:1b:00.0)}; empty where it has none. */
    String device();

    /** Tells that operations of the communicator take memory of this rank's device. */
    default boolean isAvailable() {
        return unavailabilityCause().isEmpty();
    }

    /**
     * Takes memory that operations use in place. Every rank calls it, in the same order as operations; counts may differ. What it holds
     * is undefined.
     *
     * @param count from 1
     * @return the caller's, who closes it before the communicator
     * @throws IllegalStateException when {@link #isAvailable} is false, with the cause
     * @throws CollectiveException on every rank, naming those whose device or share of it is full
     */
    DeviceBuffer allocate(DataType type, long count) throws CollectiveException;

    /**
     * Copies elements of the host to this rank's device, and returns when they are there.
     *
     * @param target of the source's type and count
     */
    void upload(Elements source, DeviceElements target);

    /**
     * Copies elements of this rank's device to the host, and returns when they are there.
     *
     * @param target of the source's type and count
     */
    void download(DeviceElements source, Elements target);
}
