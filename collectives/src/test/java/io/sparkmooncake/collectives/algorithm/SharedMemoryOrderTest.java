// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.testing.OrderContract;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.Map;

final class SharedMemoryOrderTest extends OrderContract {
    @Override
    protected RankProcesses start() throws Exception {
        return new RankProcesses(3, new Rendezvous.Options(Duration.ofSeconds(60), 1_024), Map.of());
    }
}
