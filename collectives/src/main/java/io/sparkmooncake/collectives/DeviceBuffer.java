// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives;

import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;

/**
 * Elements on a rank's device, with the way there and back. Threading: one thread at a time, not beside an operation that uses them.
 */
public interface DeviceBuffer extends AutoCloseable {
    /** Returns a view of all elements, for operations of the communicator that gave the buffer. */
    DeviceElements elements();

    /**
     * Copies elements of the host to the device, and returns when they are there.
     *
     * @param source of the buffer's type and count
     */
    void upload(Elements source);

    /**
     * Copies the elements to the host, and returns when they are there.
     *
     * @param target of the buffer's type and count
     */
    void download(Elements target);

    /** Gives the memory back. Idempotent. */
    @Override
    void close();
}
