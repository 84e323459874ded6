// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.spi.TransportContract;
import io.sparkmooncake.transfer.testing.TransportFixture;

final class EncryptedTcpTransportIT extends TransportContract {
    @Override
    protected TransportFixture fixture() {
        return new TcpFixture.Encrypted();
    }
}
