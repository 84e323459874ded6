// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.io.IOException;
import java.util.Arrays;
import org.apache.spark.SparkEnv;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.shuffle.ShuffleWriteMetricsReporter;
import org.jspecify.annotations.Nullable;
import scala.Option;

/** The end of every writer: commit once, tell Spark, and take the output back when the attempt fails after all. */
final class OutputCommit {
    private final MapOutputStore store;
    private final int shuffleId;
    private final long mapId;
    private final int partitions;
    private long[] partitionLengths = {};
    private @Nullable MapStatus status;
    private boolean won;

    OutputCommit(MapOutputStore store, int shuffleId, long mapId, int partitions) {
        this.store = store;
        this.shuffleId = shuffleId;
        this.mapId = mapId;
        this.partitions = partitions;
    }

    void commit(MapOutputBuilder builder, ShuffleWriteMetricsReporter metrics, long rowChecksum) throws IOException {
        long start = System.nanoTime();
        MapOutput mine = builder.finish(mapId);
        // Once it is committed, another thread may move or remove it.
        long[] lengths = mine.partitionLengths(partitions);
        won = store.commit(shuffleId, mine) == mine;
        partitionLengths = won
                ? lengths
                : store.partitionLengths(shuffleId, mapId, partitions).orElse(lengths);
        status = SparkInternals.mapStatus(
                SparkEnv.get().blockManager().shuffleServerId(), partitionLengths, mapId, rowChecksum);
        metrics.incBytesWritten(Arrays.stream(partitionLengths).sum());
        metrics.incWriteTime(System.nanoTime() - start);
    }

    Option<MapStatus> stop(boolean success) {
        MapStatus committed = status;
        status = null;
        if (success) {
            return Option.apply(committed);
        }
        if (won) {
            store.removeMap(shuffleId, mapId);
            won = false;
        }
        return Option.empty();
    }

    long[] partitionLengths() {
        return partitionLengths;
    }
}
