// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.testing.OperationsContract;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.Map;

final class SharedMemoryOperationsTest extends OperationsContract {
    @Override
    protected RankProcesses start() throws Exception {
        return new RankProcesses(3, new Rendezvous.Options(Duration.ofSeconds(60), 1_024), Map.of());
    }
}
