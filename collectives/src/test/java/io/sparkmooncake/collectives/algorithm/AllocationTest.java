// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Operations leave no garbage once every type was used. */
final class AllocationTest {
    private static final int OPERATIONS = 500;

    @Test
    void operationsAllocateNothing() throws Exception {
        try (RankProcesses processes = new RankProcesses(1, Rendezvous.Options.DEFAULT, Map.of())) {
            List<Long> bytes = processes.runAll("garbage", 1, 2, communicator -> {
                Work work = new Work(communicator);
                work.run(50);
                ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
                long before = threads.getCurrentThreadAllocatedBytes();
                work.run(OPERATIONS);
                return threads.getCurrentThreadAllocatedBytes() - before;
            });
            assertThat(bytes).allSatisfy(allocated -> assertThat(allocated).isLessThan(OPERATIONS));
        }
    }

    private static final class Work {
        private final Communicator communicator;
        private final Elements few = Elements.of(new double[4]);
        private final Elements many = Elements.of(new double[20_000]);
        private final Elements bytes = Elements.allocate(DataType.INT8, 100);
        private final Elements gathered = Elements.allocate(DataType.INT8, 200);

        Work(Communicator communicator) {
            this.communicator = communicator;
        }

        void run(int times) throws Exception {
            for (int i = 0; i < times; i++) {
                communicator.allReduce(few, few, ReduceOp.SUM);
                communicator.allReduce(many, many, ReduceOp.MAX);
                communicator.allGather(bytes, gathered);
                communicator.reduceScatter(gathered, bytes, ReduceOp.SUM);
                communicator.broadcast(bytes, 1);
                communicator.barrier();
            }
        }
    }
}
