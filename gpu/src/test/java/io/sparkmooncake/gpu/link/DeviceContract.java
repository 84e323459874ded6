// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.transfer.spi.TransportContract;
import io.sparkmooncake.transfer.testing.TransportFixture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The contract on device memory; skips with the cause where there is no device. */
@ExtendWith(DeviceContract.NothingHeld.class)
abstract class DeviceContract extends TransportContract {
    private @Nullable DeviceFixture opened;

    abstract DeviceFixture devices();

    @BeforeAll
    static void skipWithoutDevices() {
        assumeTrue(Cuda.isAvailable(), () -> "skipped: " + Cuda.unavailabilityCause());
    }

    @Override
    protected TransportFixture fixture() {
        opened = devices();
        return opened;
    }

    /** Comes after the test has closed everything. */
    static final class NothingHeld implements AfterEachCallback {
        @Override
        public void afterEach(ExtensionContext context) {
            DeviceFixture fixture = ((DeviceContract) context.getRequiredTestInstance()).opened;
            if (fixture != null) {
                Device device = fixture.device();
                assertThat(device.plain().held() + device.virtual().held())
                        .as("allocations and mappings that are not given back")
                        .isZero();
                device.close();
            }
        }
    }
}
