// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.gpu.driver.DeviceIdentity;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What addresses of Spark's resource {@code gpu} mean, as discovery scripts write them. */
final class DeviceAddressTest {
    private static final List<DeviceIdentity> TWO = List.of(
            device(0, "GPU-ba516a7a-2409-93cc-13ab-65c9ca66e084", "0000:1b:00.0"),
            device(1, "GPU-70fe91a4-9e0e-fd32-d9b8-0dd9fda9c83f", "0000:9a:00.0"));

    private static DeviceIdentity device(int ordinal, String uuid, String pciBusId) {
        return new DeviceIdentity(ordinal, uuid, pciBusId, "NVIDIA H200", 90, 132, 150L << 30);
    }

    private static int find(String address, @Nullable String visibleDevices) {
        return DeviceAddress.find(address, TWO, visibleDevices)
                .map(DeviceIdentity::ordinal)
                .orElse(-1);
    }

    @Test
    void aNumberCountsTheDevicesThatTheProcessSees() {
        assertThat(find("0", null)).isEqualTo(0);
        assertThat(find("1", null)).isEqualTo(1);
        assertThat(find(" 1 ", null)).isEqualTo(1);
        assertThat(find("2", null)).isEqualTo(-1);
    }

    @Test
    void aNumberThatIsListedAsVisibleMeansItsPlaceInTheList() {
        assertThat(find("3", "2,3")).isEqualTo(1);
        assertThat(find("2", "2, 3")).isEqualTo(0);
        assertThat(find("0", "1,0")).isEqualTo(1);
    }

    @Test
    void aNumberThatIsNotListedCountsTheVisibleOnes() {
        assertThat(find("0", "6,7")).isEqualTo(0);
        assertThat(find("1", "GPU-ba516a7a,GPU-70fe91a4")).isEqualTo(1);
        assertThat(find("5", "6,7")).isEqualTo(-1);
    }

    @Test
    void aUuidIsTheSameEverywhere() {
        assertThat(find("GPU-70fe91a4-9e0e-fd32-d9b8-0dd9fda9c83f", "GPU-70fe91a4-9e0e-fd32-d9b8-0dd9fda9c83f"))
                .isEqualTo(1);
        assertThat(find("GPU-00000000-0000-0000-0000-000000000000", null)).isEqualTo(-1);
    }

    @Test
    void aPciBusIdIsReadAsTheDriverAndAsNvidiaSmiWriteIt() {
        assertThat(find("0000:9a:00.0", null)).isEqualTo(1);
        assertThat(find("00000000:1B:00.0", null)).isEqualTo(0);
        assertThat(find("9a:00.0", null)).isEqualTo(1);
        assertThat(find("0000:9b:00.0", null)).isEqualTo(-1);
    }

    @Test
    void whatIsNoneOfThemIsNamedWithWhatThereIs() {
        assertThat(find("gpu0", null)).isEqualTo(-1);
        assertThat(DeviceAddress.unknown("4", TWO, "0,1"))
                .contains("address=4 of resource gpu")
                .contains("cuda:1 (NVIDIA H200 at 0000:9a:00.0) GPU-70fe91a4-9e0e-fd32-d9b8-0dd9fda9c83f")
                .contains("CUDA_VISIBLE_DEVICES=0,1");
    }
}
