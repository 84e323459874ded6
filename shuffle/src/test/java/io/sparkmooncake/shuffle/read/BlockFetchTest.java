// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext$;
import org.apache.spark.TaskContextImpl;
import org.apache.spark.TaskKilledException;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.SerializerManager;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.Option;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** However a reading task ends, it holds no lease afterwards. */
final class BlockFetchTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final long LEASE = 4_711;

    @TempDir
    Path directory;

    private final LeaseKeeper leases = new LeaseKeeper(MINUTE, System::nanoTime, Runnable::run);
    private final LookupsAhead lookups = new LookupsAhead(Duration.ZERO, System::nanoTime);
    private final List<Long> released = new ArrayList<>();
    private final List<TransferBatch> submitted = new ArrayList<>();
    private final HostRegion remote = Regions.allocate(100);
    private final RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(1 << 20, 1 << 20, MINUTE));
    private final TaskContextImpl context = TaskContext$.MODULE$.empty();

    @AfterEach
    void close() {
        scratch.close();
        remote.release();
    }

    @Test
    void aTaskThatIsKilledWhenItsAnswerHasCome() {
        BlockFetch fetch = started();
        context.markInterrupted("killed by a test");
        assertThatThrownBy(fetch::peek).isInstanceOf(TaskKilledException.class);
        assertThat(leases.held()).isEqualTo(1);
        fetch.close();
        lookups.trim();
        assertThat(leases.held()).isZero();
        assertThat(released).containsExactly(LEASE);
    }

    @Test
    void aTaskThatIsInterruptedWithEveryGroupUnderWay() {
        BlockFetch fetch = started();
        assertThatThrownBy(fetch::peek).isInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(submitted).hasSize(1);
        fetch.close();
        lookups.trim();
        assertThat(leases.held()).isZero();
        assertThat(released).containsExactly(LEASE);
        assertThat(submitted.get(0).cancellation()).isDone();
    }

    private BlockFetch started() {
        SparkConf conf = new SparkConf(false);
        RegionPool none =
                RegionPool.files(List.of(directory), new RegionPool.Limits(1, 1, MINUTE), RegionListener.NONE);
        ReadEnvironment environment = new ReadEnvironment(
                "self",
                new MapOutputStore(none, none, MINUTE, System::nanoTime),
                name -> CompletableFuture.completedFuture(new SlowOwner()),
                scratch,
                new BlockCodec(conf, new SerializerManager(new JavaSerializer(conf), conf)),
                leases,
                lookups,
                new ReadEnvironment.Limits(1 << 20, 10, MINUTE, MINUTE, false),
                new ReadCounters());
        BlockFetch fetch =
                new BlockFetch(environment, new BlockFetch.ReadTask(1, 0, 1, context), new TempShuffleReadMetrics());
        BlockId block = new ShuffleBlockId(1, 10, 0);
        Seq<Tuple3<BlockId, Object, Object>> blocks =
                CollectionConverters.asScala(List.of(new Tuple3<BlockId, Object, Object>(block, 100L, 0)));
        BlockManagerId owner = BlockManagerId.apply("owner", "127.0.0.1", 1, Option.empty());
        fetch.start(PeerBlocks.of(
                CollectionConverters.asScala(
                        List.of(new Tuple2<>(owner, blocks)).iterator()),
                0));
        return fetch;
    }

    /** Answers look-ups with one block that only transfers reach, and interrupts the task whose transfer it takes. */
    private final class SlowOwner implements Peer {
        @Override
        public PeerRecord record() {
            return new PeerRecord("owner", 1, "127.0.0.1", 1, Map.of());
        }

        @Override
        public Submission submit(TransferBatch batch) {
            batch.begin();
            submitted.add(batch);
            Thread.currentThread().interrupt();
            return Submission.ACCEPTED;
        }

        @Override
        public Optional<HostRegion> map(RegionDescriptor region) {
            return Optional.empty();
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            if (service.equals(LookupRequest.RELEASE_SERVICE)) {
                released.add(request.getLong());
                return CompletableFuture.completedFuture(ByteBuffer.allocate(1));
            }
            return CompletableFuture.completedFuture(oneBlock());
        }

        @Override
        public CompletableFuture<String> lost() {
            return new CompletableFuture<>();
        }

        @Override
        public List<PathReport> paths() {
            return List.of();
        }
    }

    private ByteBuffer oneBlock() {
        ByteArrayOutputStream region = new ByteArrayOutputStream();
        try {
            remote.descriptor().writeTo(new DataOutputStream(region));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ByteBuffer answer = ByteBuffer.allocate(26 + region.size() + 28);
        answer.put((byte) 1).putLong(LEASE).putInt(1).put((byte) 0);
        answer.putInt(1).putInt(region.size()).put(region.toByteArray());
        answer.putInt(1).putInt(0).putInt(0).putInt(0).putLong(0).putInt(100).putInt(0);
        return answer.rewind();
    }
}
