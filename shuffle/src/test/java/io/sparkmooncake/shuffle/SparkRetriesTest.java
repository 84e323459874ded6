// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.spark.HashPartitioner;
import org.apache.spark.MapOutputTrackerMaster;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.storage.BlockManagerId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.Option;
import scala.Tuple2;

/** Spark's own settings say how often, and after which pause, a read is repeated whose executor is not reached. */
final class SparkRetriesTest {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    @TempDir
    Path directory;

    @Test
    void withoutRetriesAReadIsTriedOnce() {
        assertThat(connectNanos(0, "5s")).hasSize(1);
    }

    @Test
    void theFirstRetryComesAtOnceAndTheNextAfterThePause() {
        List<Long> paused = connectNanos(2, "2s");
        assertThat(paused).hasSize(3);
        assertThat(paused.get(2) - paused.get(1)).isGreaterThanOrEqualTo(2 * SECOND);
        List<Long> once = connectNanos(1, "600s");
        assertThat(once).hasSize(2);
        assertThat(once.get(1) - once.get(0)).isLessThan(600 * SECOND);
    }

    /** With Spark's default pause of five seconds this takes more than three minutes. */
    @Test
    void withoutAPauseManyRetriesTakeNoTime() {
        List<Long> connects = connectNanos(40, "0s");
        assertThat(connects).hasSize(41);
        assertThat(connects.get(40) - connects.get(0)).isLessThan(90 * SECOND);
    }

    /** Has a task read a map output of an executor that is never reached; returns when it tried. */
    private List<Long> connectNanos(int maxRetries, String retryWait) {
        Map<String, String> settings = Map.of(
                "spark.shuffle.io.maxRetries", Integer.toString(maxRetries), "spark.shuffle.io.retryWait", retryWait);
        try (LocalShuffle local = new LocalShuffle(directory, 64 << 20, settings)) {
            JavaSparkContext context = new JavaSparkContext(local.spark().sparkContext());
            JavaPairRDD<Integer, Integer> shuffled = context.parallelize(List.of(1, 2, 3), 2)
                    .mapToPair(n -> new Tuple2<>(n, n))
                    .partitionBy(new HashPartitioner(1));
            assertThat(shuffled.count()).isEqualTo(3);
            moveOne(local);
            assertThat(shuffled.count()).as("after one map task ran again").isEqualTo(3);
            return List.copyOf(local.connectNanos());
        }
    }

    /** Lets Spark believe that one map output is elsewhere. */
    private static void moveOne(LocalShuffle local) {
        Map.Entry<Integer, List<Long>> shuffle =
                local.runtime().store().stored().entrySet().iterator().next();
        BlockManagerId elsewhere = BlockManagerId.apply("elsewhere", "127.0.0.1", 1, Option.empty());
        ((MapOutputTrackerMaster) SparkEnv.get().mapOutputTracker())
                .updateMapOutput(shuffle.getKey(), shuffle.getValue().get(0), elsewhere);
    }
}
