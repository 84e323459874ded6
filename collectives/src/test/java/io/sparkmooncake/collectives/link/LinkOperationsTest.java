// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.testing.OperationsContract;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.Map;

/** Nine processes that map nobody's memory: every rank is alone on its host. */
final class LinkOperationsTest extends OperationsContract {
    @Override
    protected RankProcesses start() throws Exception {
        return new RankProcesses(
                9,
                new Rendezvous.Options(Duration.ofSeconds(60), 1_024),
                Map.of("spark.mooncake.transfer.paths", "tcp"));
    }
}
