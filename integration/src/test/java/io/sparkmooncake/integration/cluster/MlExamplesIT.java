// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The examples of Java give what Spark ML gives. */
final class MlExamplesIT {
    @Test
    void examplesGiveWhatSparkMlGives() throws IOException, InterruptedException {
        Map<String, String> facts =
                Submission.of("4.1.3", "ml-examples").withSparkMl().run();
        assertThat(Double.parseDouble(facts.get("mean-and-variance"))).isLessThan(1e-9);
        assertThat(Double.parseDouble(facts.get("sparse-sum"))).isLessThan(1e-9);
        assertThat(Double.parseDouble(facts.get("k-means"))).isLessThan(1e-9);
        assertThat(Double.parseDouble(facts.get("logistic-regression"))).isLessThan(1e-6);
    }
}
