// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Blocks;
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
    private static final int PASSES = 3;

    @Test
    void operationsAllocateNothing() throws Exception {
        try (RankProcesses processes = new RankProcesses(1, Rendezvous.Options.DEFAULT, Map.of())) {
            List<Long> bytes = processes.runAll("garbage", 1, 2, communicator -> {
                WideSums.OF_THIS_JVM.settle();
                Work work = new Work(communicator);
                work.run(50);
                ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
                long least = Long.MAX_VALUE;
                // What waits on a busy machine loads classes the first time; what an operation allocates shows in every
                // pass.
                for (int pass = 0; pass < PASSES; pass++) {
                    long before = threads.getCurrentThreadAllocatedBytes();
                    work.run(OPERATIONS);
                    least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
                }
                return least;
            });
            assertThat(bytes).allSatisfy(allocated -> assertThat(allocated).isLessThan(OPERATIONS));
        }
    }

    private static final class Work {
        private final Communicator communicator;
        private final int rank;
        private final Elements few = Elements.of(new double[4]);
        private final Elements many = Elements.of(new double[20_000]);
        private final Elements floats = Elements.of(new float[20_000]);
        private final Elements bytes = Elements.allocate(DataType.INT8, 100);
        private final Elements others = Elements.allocate(DataType.INT8, 100);
        private final Elements gathered = Elements.allocate(DataType.INT8, 200);
        private final Elements halves = Elements.allocate(DataType.FLOAT16, 3_000);
        private final Elements booleans = Elements.of(new boolean[50]);
        private final Elements three = Elements.of(new long[3]);
        private final Blocks blocks = Blocks.of(1, 2);
        private final Elements own;

        Work(Communicator communicator) {
            this.communicator = communicator;
            this.rank = communicator.membership().rank();
            this.own = three.slice(blocks.start(rank), blocks.count(rank));
        }

        void run(int times) throws Exception {
            for (int i = 0; i < times; i++) {
                communicator.allReduce(few, few, ReduceOp.SUM);
                communicator.allReduce(many, many, ReduceOp.MAX);
                communicator.allReduce(many, many, ReduceOp.SUM);
                communicator.allReduce(floats, floats, ReduceOp.SUM);
                communicator.allReduce(halves, halves, ReduceOp.AVG);
                communicator.allReduce(booleans, booleans, ReduceOp.XOR);
                communicator.reduce(few, few, ReduceOp.PROD, i & 1);
                communicator.allGather(bytes, gathered);
                communicator.allGather(own, three, blocks);
                communicator.gather(bytes, gathered, i & 1);
                communicator.gather(own, three, blocks, i & 1);
                communicator.scatter(gathered, bytes, i & 1);
                communicator.scatter(three, blocks, own, i & 1);
                communicator.reduceScatter(gathered, bytes, ReduceOp.SUM);
                communicator.reduceScatter(three, blocks, own, ReduceOp.OR);
                communicator.allToAll(bytes, others);
                communicator.broadcast(bytes, 1);
                communicator.barrier();
                message(bytes);
                message(many);
            }
        }

        private void message(Elements elements) throws Exception {
            if (rank == 0) {
                communicator.send(elements, 1, 0);
                communicator.receive(elements, 1, 0);
            } else {
                communicator.receive(elements, 0, 0);
                communicator.send(elements, 0, 0);
            }
        }
    }
}
