// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

final class NvlinkTransportIT extends DeviceContract {
    @Override
    DeviceFixture devices() {
        return new DeviceFixture.Plain();
    }
}
