// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.TaskContext;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.MemoryMode;
import org.apache.spark.memory.TaskMemoryManager;
import scala.Tuple2;

/** Reads sorted records and, in the middle of them, takes all the memory that its task can get. */
final class Greedy {
    private final boolean otherThread;

    Greedy(boolean otherThread) {
        this.otherThread = otherThread;
    }

    /** Returns one array: records, records out of order, bytes that others gave back, bytes of memory spilled. */
    Iterator<long[]> read(Iterator<Tuple2<Integer, String>> records) {
        TaskContext context = TaskContext.get();
        TaskMemoryManager memory = context.taskMemoryManager();
        long[] facts = new long[4];
        int last = Integer.MIN_VALUE;
        while (records.hasNext()) {
            int key = records.next()._1();
            facts[1] += key < last ? 1 : 0;
            last = key;
            facts[0]++;
            if (facts[0] == 30_000) {
                facts[2] = otherThread
                        ? CompletableFuture.supplyAsync(() -> takeAll(memory)).join()
                        : takeAll(memory);
            }
        }
        facts[3] = context.taskMetrics().memoryBytesSpilled();
        return List.of(facts).iterator();
    }

    private static long takeAll(TaskMemoryManager memory) {
        Taker taker = new Taker(memory);
        long before = memory.getMemoryConsumptionForThisTask();
        long got = taker.acquireMemory(Long.MAX_VALUE / 2);
        long freed = before + got - memory.getMemoryConsumptionForThisTask();
        taker.freeMemory(got);
        return freed;
    }

    private static final class Taker extends MemoryConsumer {
        Taker(TaskMemoryManager memory) {
            super(memory, 1 << 20, MemoryMode.ON_HEAP);
        }

        @Override
        public long spill(long size, MemoryConsumer trigger) {
            return 0;
        }
    }
}
