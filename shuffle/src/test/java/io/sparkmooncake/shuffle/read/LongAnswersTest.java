// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.shuffle.store.LookupServices;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.shuffle.FetchFailedException;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Look-ups whose answers are too long for one message: the owner answers what fits, and the reader asks for the rest. */
final class LongAnswersTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int SHUFFLE = 3;

    private final List<TestExecutor> executors = new ArrayList<>();
    private final Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
    private final RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(64 << 20, 1 << 20, MINUTE));

    @AfterEach
    void close() {
        // What was cancelled comes back on threads of the engines.
        await().atMost(MINUTE).until(() -> leases.held() == 0 && scratch.usedBytes() == 0);
        scratch.close();
        executors.forEach(TestExecutor::close);
    }

    private TestExecutor start(String name, String paths, int maxAnswerBytes) throws IOException {
        executors.add(new TestExecutor(name, paths, maxAnswerBytes));
        return executors.get(executors.size() - 1);
    }

    /** As many rows as one look-up may ask for, in so many parts that they exceed what a control frame may have. */
    @Test
    void aMapOutputOfManyPartsIsRead() throws IOException {
        int parts = 38;
        int partitions = PeerBlocks.MAX_BLOCKS;
        assertThat(28L * parts * partitions).isGreaterThan(64 << 20);
        TestExecutor reader = start("reader", "shm,tcp", LookupServices.MAX_ANSWER_BYTES);
        TestExecutor owner = start("owner", "shm,tcp", LookupServices.MAX_ANSWER_BYTES);
        owner.commit(SHUFFLE, 10, parts(parts, partitions));
        assertThat(read(reader, sources(owner, partitions, 10))).isEqualTo((long) parts * partitions);
    }

    @Test
    void aBlockInMorePartsThanAnAnswerHoldsIsRefusedByName() throws IOException {
        TestExecutor reader = start("reader", "tcp", LookupServices.MAX_ANSWER_BYTES);
        TestExecutor owner = start("owner", "tcp", 400);
        TestExecutor other = start("other", "tcp", 400);
        owner.commit(SHUFFLE, 10, parts(4, 3));
        owner.commit(SHUFFLE, 11, parts(40, 3));
        other.commit(SHUFFLE, 10, parts(4, 3));
        assertThat(read(reader, sources(other, 3, 10))).isEqualTo(12);
        assertThatThrownBy(() -> read(reader, sources(owner, 3, 10, 11)))
                .isInstanceOf(FetchFailedException.class)
                .hasMessageContaining("from executor owner")
                .hasMessageContaining("shuffle 3 map id 11 partition 0: a single block takes bytes=")
                .hasMessageContaining("parts=40");
    }

    /** Parts with a byte of every partition each. */
    private static List<List<Entry>> parts(int count, int partitions) {
        ByteBuffer oneByte = ByteBuffer.allocate(1);
        List<Entry> part = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) {
            part.add(new Entry(partition, oneByte, false));
        }
        List<List<Entry>> parts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            parts.add(part);
        }
        return parts;
    }

    private static List<PeerBlocks> sources(TestExecutor owner, int partitions, long... mapIds) {
        List<Tuple3<BlockId, Object, Object>> listed = new ArrayList<>();
        for (long mapId : mapIds) {
            for (int partition = 0; partition < partitions; partition++) {
                listed.add(new Tuple3<>(new ShuffleBlockId(SHUFFLE, mapId, partition), 1L, (int) mapId));
            }
        }
        Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>> tracked =
                new Tuple2<>(owner.address(), CollectionConverters.asScala(listed));
        return PeerBlocks.of(
                CollectionConverters.asScala(List.of(tracked).iterator()), 0, partitions, PeerBlocks.MAX_BLOCKS);
    }

    /** Reads every row and returns how many there were. */
    private long read(TestExecutor reader, List<PeerBlocks> sources) throws IOException {
        Lookups lookups = reader.lookups(executors, leases, peer -> peer);
        ReadLimits limits = new ReadLimits(16 << 20, 1_000, MINUTE, MINUTE, new ReadLimits.Retries(0, MINUTE), true);
        FetchReport report = new FetchReport(
                SHUFFLE, TaskContext$.MODULE$.empty(), new ReadCounters(), new TempShuffleReadMetrics());
        long rows = 0;
        try (Fetch fetch = new Fetch(lookups, new HostLanding(scratch), limits, report)) {
            fetch.start(sources);
            while (fetch.peek() != null) {
                fetch.take();
                rows++;
            }
        } finally {
            lookups.forget(SHUFFLE);
        }
        return rows;
    }
}
