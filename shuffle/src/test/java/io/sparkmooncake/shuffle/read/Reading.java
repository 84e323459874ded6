// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import scala.Option;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** What a reading task of a test works with: an executor without outputs of its own, and the executor that has them. */
final class Reading {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private Reading() {}

    /** Owners as an executor without outputs sees them, whose only peer is {@code owner}. */
    static BlockOwners owners(Path directory, Supplier<Peer> owner) {
        RegionPool none =
                RegionPool.files(List.of(directory), new RegionPool.Limits(1, 1, MINUTE), RegionListener.NONE);
        return new BlockOwners(
                "self",
                new MapOutputStore(none, none, MINUTE, System::nanoTime),
                name -> CompletableFuture.completedFuture(owner.get()),
                MINUTE);
    }

    /** Limits of a task with one request after another, and no retry. */
    static ReadLimits limits() {
        return new ReadLimits(1 << 20, 10, MINUTE, MINUTE, new ReadLimits.Retries(0, MINUTE), false);
    }

    static FetchReport report(TaskContext context) {
        return new FetchReport(1, context, new ReadCounters(), new TempShuffleReadMetrics());
    }

    /** One block of 100 bytes of map 10 that the owner has. */
    static List<PeerBlocks> oneBlock() {
        BlockManagerId owner = BlockManagerId.apply("owner", "127.0.0.1", 1, Option.empty());
        Seq<Tuple3<BlockId, Object, Object>> blocks = CollectionConverters.asScala(
                List.of(new Tuple3<BlockId, Object, Object>(new ShuffleBlockId(1, 10, 0), 100L, 0)));
        return PeerBlocks.of(
                CollectionConverters.asScala(
                        List.of(new Tuple2<>(owner, blocks)).iterator()),
                0,
                1,
                PeerBlocks.MAX_BLOCKS);
    }

    /** The executor that has the outputs; remembers the leases that came back. */
    abstract static class Owner implements Peer {
        private final List<Long> released;

        Owner(List<Long> released) {
            this.released = released;
        }

        abstract ByteBuffer answer(ByteBuffer lookup);

        @Override
        public PeerRecord record() {
            return new PeerRecord("owner", 1, "127.0.0.1", 1, Map.of());
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            if (!service.equals(LookupRequest.RELEASE_SERVICE)) {
                return CompletableFuture.supplyAsync(() -> answer(request), Runnable::run);
            }
            while (request.hasRemaining()) {
                released.add(request.getLong());
            }
            return CompletableFuture.completedFuture(ByteBuffer.allocate(1));
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
}
