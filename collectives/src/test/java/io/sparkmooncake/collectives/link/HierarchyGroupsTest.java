// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.testing.GroupsContract;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.Map;

/** Two processes that do not map each other's memory: hosts of several ranks each, which are not neighbours. */
final class HierarchyGroupsTest extends GroupsContract {
    @Override
    protected RankProcesses start() throws Exception {
        return new RankProcesses(
                2,
                new Rendezvous.Options(Duration.ofSeconds(60), 1_024),
                Map.of("spark.mooncake.transfer.paths", "tcp"));
    }
}
