// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A standalone cluster of four hosts with a network between them that fails. */
final class LostLinksIT {
    private static final int CUT_MILLIS = 4_000;

    @Test
    void tcpCarriesTheShuffleAndOutlivesTheLink() throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of("4.1.3", "link-cut")
                .on(Layout.FOUR_HOSTS)
                .conf("spark.network.timeout", "12s")
                .conf("spark.network.timeoutInterval", "3s")
                .conf("spark.executor.heartbeatInterval", "2s")
                .conf("spark.mooncake.transfer.timeout", "3s")
                .conf("spark.mooncake.connect.timeout", "5s")
                .argument("cut-millis", CUT_MILLIS)
                .run();
        assertThat(facts)
                .containsEntry("hosts", "[10.213.0.3, 10.213.0.4, 10.213.0.5, 10.213.0.6]")
                .containsEntry("shm", "0")
                .containsEntry("restored", "true")
                .containsKey("kill-host");
        assertThat(Long.parseLong(facts.get("tcp"))).isPositive();
    }
}
