// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

final class BindAddressTest {
    private static final String BACKEND = "org.apache.spark.executor.CoarseGrainedExecutorBackend";
    private static final Map<String, String> CONF = Map.of("spark.driver.bindAddress", "0.0.0.0");

    @Test
    void isTheDriversOwnSettingOnTheDriverOnly() {
        assertThat(BindAddress.of("driver", CONF, "Main --bind-address 10.0.0.1"))
                .isEqualTo("0.0.0.0");
        assertThat(BindAddress.of("driver", Map.of(), "")).isEmpty();
        assertThat(BindAddress.of("1", CONF, BACKEND + " --driver-url spark://x --hostname 10.0.0.1"))
                .isEmpty();
    }

    @Test
    void isTheOptionOfAnExecutorsCommandLine() {
        String command = " --driver-url spark://x:1 --bind-address 10.0.0.7 --hostname pod-7";
        assertThat(BindAddress.of("1", Map.of(), BACKEND + command)).isEqualTo("10.0.0.7");
        assertThat(BindAddress.of(
                        "1", Map.of(), "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend" + command))
                .isEqualTo("10.0.0.7");
        assertThat(BindAddress.of("1", Map.of(), "com.example.Main" + command)).isEmpty();
        assertThat(BindAddress.of("1", Map.of(), BACKEND + " --bind-address")).isEmpty();
        assertThat(BindAddress.of("1", Map.of(), "")).isEmpty();
    }
}
