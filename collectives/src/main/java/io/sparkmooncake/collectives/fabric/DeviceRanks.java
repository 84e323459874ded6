// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import java.util.List;

/** What gives the ranks of a process their devices. Threading: safe from any thread. */
@FunctionalInterface
public interface DeviceRanks {
    /**
     * Returns a rank's place on the device that it was assigned; fails never, but says why there is none.
     *
     * @param addresses as whoever assigned them writes them; a rank uses the first
     * @return the caller's, who closes it
     */
    DeviceSeat seat(List<String> addresses);
}
