// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.integration.workload.DeviceProbe;
import io.sparkmooncake.ml.Communicators;
import io.sparkmooncake.ml.RankVector;
import io.sparkmooncake.transfer.memory.Location;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;

/** Ranks of executors with and without assigned GPUs: what they reduce, what they refuse, and what is loaded. */
final class DeviceRanks implements Program {
    @Override
    public void run(Facts facts) {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            int count = facts.executors();
            JavaRDD<Integer> slots =
                    sc.parallelize(IntStream.range(0, count).boxed().toList(), count);
            List<String> told = Communicators.collect(
                    slots,
                    (ranks, numbers) -> List.of(reduce(ranks), refuse(ranks)).iterator());
            facts.tell("sum", told.get(0));
            facts.tell("refused", told.get(1));
            facts.tell("executors", DeviceProbe.ofAll(sc, count));
        }
    }

    private static String reduce(Communicator ranks) throws Exception {
        double[] numbers = {ranks.membership().rank() + 1};
        try (RankVector vector = RankVector.of(ranks, numbers)) {
            vector.allReduce(ReduceOp.SUM);
            return numbers[0] + (vector.isOnDevice() ? " on devices" : " on the host");
        }
    }

    /** Memory of a device that nobody has: refused before anything is sent, so the communicator stays whole. */
    private static String refuse(Communicator ranks) throws Exception {
        if (ranks.deviceMemory().isAvailable()) {
            return "";
        }
        DeviceElements nowhere = new DeviceElements(DataType.FLOAT32, 4, 256, new Location(Location.Kind.CUDA, 0));
        String message = "";
        try {
            ranks.allReduce(nowhere, nowhere, ReduceOp.SUM);
        } catch (IllegalArgumentException e) {
            message = String.valueOf(e.getMessage());
        }
        ranks.barrier();
        return message;
    }
}
