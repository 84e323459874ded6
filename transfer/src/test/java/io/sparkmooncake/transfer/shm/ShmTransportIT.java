// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.transfer.spi.TransportContract;
import io.sparkmooncake.transfer.testing.TransportFixture;

final class ShmTransportIT extends TransportContract {
    @Override
    protected TransportFixture fixture() {
        return new ShmFixture();
    }
}
