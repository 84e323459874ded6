// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

final class MnnvlTransportIT extends DeviceContract {
    @Override
    DeviceFixture devices() {
        return new DeviceFixture.Fabric();
    }
}
