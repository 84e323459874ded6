// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;

/** Spark's own suites with our shuffle manager; {@code -Dsuites} chooses them, see docs/spark-suites.md. */
@EnabledIfEnvironmentVariable(named = "SPARK_TESTING", matches = "1", disabledReason = "needs Spark's testing mode")
final class SparkSuitesIT {
    @TestFactory
    Stream<DynamicContainer> suites() throws IOException {
        return SuitePlan.chosen(System.getProperty("suites", "fast")).stream()
                .map(plan -> new SuiteRun(plan).container());
    }
}
