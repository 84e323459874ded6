// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;

/** One rank's place on a device, or the reason why it has none. Threading: the rank's own thread. */
public interface DeviceSeat extends AutoCloseable {
    /** Returns the place of a rank that has no device. */
    static DeviceSeat none(String cause) {
        return new DeviceSeat() {
            @Override
            public String unavailabilityCause() {
                return cause;
            }

            @Override
            public Fabric join(Communicator control) {
                throw new IllegalStateException(cause);
            }

            @Override
            public void close() {}
        };
    }

    /** Returns why there is no device; empty where there is one. */
    String unavailabilityCause();

    /**
     * Joins the ranks of a communicator of the host, each of which has a device and calls this.
     *
     * @param control from then on the fabric's; stays the caller's when this fails
     * @return also takes elements of the host; closed before the seat
     * @throws CollectiveException on every rank alike, with the reason
     */
    Fabric join(Communicator control) throws CollectiveException;

    /** Gives the rank's memory on the device back. Idempotent. */
    @Override
    void close();
}
