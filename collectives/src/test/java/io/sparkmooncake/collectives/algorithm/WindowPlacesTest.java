// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vectors that go round windows of the usual size, in place and not, one after the other without a pause. */
final class WindowPlacesTest {
    private static final int ROUNDS = 400;
    private static final int MAX_COUNT = 20_000;

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void everyVectorIsSummedWhereverItLiesInTheWindow(int size) throws Exception {
        try (RankProcesses processes = new RankProcesses(2, Rendezvous.Options.DEFAULT, Map.of())) {
            assertThat(processes.runAll("places", 1, size, WindowPlacesTest::wrongSums))
                    .hasSize(size)
                    .containsOnly(0);
        }
    }

    private static int wrongSums(Communicator communicator) throws Exception {
        int rank = communicator.membership().rank();
        int size = communicator.membership().size();
        Random random = new Random(42);
        int wrong = 0;
        for (int round = 0; round < ROUNDS; round++) {
            int count = random.nextInt(random.nextBoolean() ? 600 : MAX_COUNT);
            double[] values = new double[count];
            for (int i = 0; i < count; i++) {
                values[i] = (rank + 1) * (double) (i + round);
            }
            Elements source = Elements.of(values);
            double[] sums = random.nextBoolean() ? values : new double[count];
            communicator.allReduce(source, sums == values ? source : Elements.of(sums), ReduceOp.SUM);
            for (int i = 0; i < count; i++) {
                wrong += sums[i] == size * (size + 1) / 2.0 * (i + round) ? 0 : 1;
            }
        }
        return wrong;
    }
}
