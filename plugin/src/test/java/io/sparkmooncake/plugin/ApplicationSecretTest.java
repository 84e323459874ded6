// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;

final class ApplicationSecretTest {
    private static String unused() {
        throw new AssertionError("Spark's secret is not needed");
    }

    @Test
    void isRandomAndSharedWhereSparkDoesNotAuthenticate() {
        Map<String, String> first = ApplicationSecret.handOut(false);
        Map<String, String> second = ApplicationSecret.handOut(false);
        assertThat(first).containsOnlyKeys("secret");
        assertThat(ApplicationSecret.receive(first, ApplicationSecretTest::unused))
                .hasSize(32)
                .isEqualTo(ApplicationSecret.receive(first, ApplicationSecretTest::unused))
                .isNotEqualTo(ApplicationSecret.receive(second, ApplicationSecretTest::unused));
    }

    @Test
    void isDerivedAndNeverHandedOutWhereSparkAuthenticates() {
        Map<String, String> first = ApplicationSecret.handOut(true);
        Map<String, String> second = ApplicationSecret.handOut(true);
        assertThat(first).containsOnlyKeys("salt");
        assertThat(ApplicationSecret.receive(first, () -> "spark's"))
                .hasSize(32)
                .isEqualTo(ApplicationSecret.receive(first, () -> "spark's"))
                .as("another application with the same spark.authenticate.secret")
                .isNotEqualTo(ApplicationSecret.receive(second, () -> "spark's"))
                .isNotEqualTo(ApplicationSecret.receive(first, () -> "another"));
    }

    @Test
    void saysWhyItIsMissing() {
        assertThatThrownBy(() -> ApplicationSecret.receive(Map.of(), ApplicationSecretTest::unused))
                .hasMessage(
                        "the driver handed out no secret: it does not run the same spark-mooncake jar as this executor");
    }
}
