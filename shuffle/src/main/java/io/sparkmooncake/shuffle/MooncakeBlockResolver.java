// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.shuffle.store.MapOutputFrame;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkConf;
import org.apache.spark.network.buffer.ManagedBuffer;
import org.apache.spark.network.buffer.NioManagedBuffer;
import org.apache.spark.network.client.StreamCallbackWithID;
import org.apache.spark.serializer.SerializerManager;
import org.apache.spark.shuffle.IndexShuffleBlockResolver;
import org.apache.spark.shuffle.ShuffleBlockInfo;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.ShuffleDataBlockId;
import org.apache.spark.storage.ShuffleIndexBlockId;
import scala.Option;
import scala.Tuple2;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * What Spark asks of a shuffle manager's blocks outside of readers and writers: moving map outputs away from an executor
 * that is decommissioned. A map output travels as one data block that holds a {@link MapOutputFrame}; the index block that
 * Spark expects behind it has one byte, and makes Spark's master move the map status. It extends Spark's
 * resolver because Spark casts to it; none of the parent's files exist.
 *
 * <p>Threading: safe from any thread.
 */
final class MooncakeBlockResolver extends IndexShuffleBlockResolver {
    private static final int NO_REDUCE_ID = 0;

    private final Set<Integer> skipped = ConcurrentHashMap.newKeySet();

    MooncakeBlockResolver(SparkConf conf) {
        super(conf);
    }

    @Override
    public Seq<ShuffleBlockInfo> getStoredShuffles() {
        List<ShuffleBlockInfo> stored = new ArrayList<>();
        ShuffleRuntime.installed()
                .ifPresent(runtime -> runtime.store().stored().forEach((shuffleId, mapIds) -> {
                    if (!skipped.contains(shuffleId)) {
                        mapIds.forEach(mapId -> stored.add(new ShuffleBlockInfo(shuffleId, mapId)));
                    }
                }));
        return CollectionConverters.asScala(stored).toSeq();
    }

    @Override
    public void addShuffleToSkip(int shuffleId) {
        skipped.add(shuffleId);
    }

    @Override
    public scala.collection.immutable.List<Tuple2<BlockId, ManagedBuffer>> getMigrationBlocks(ShuffleBlockInfo block) {
        List<Tuple2<BlockId, ManagedBuffer>> blocks = new ArrayList<>();
        MapOutputStore store = ShuffleRuntime.current().store();
        store.frame(block.shuffleId(), block.mapId()).ifPresent(frame -> {
            try (frame) {
                blocks.add(new Tuple2<>(
                        new ShuffleDataBlockId(block.shuffleId(), block.mapId(), NO_REDUCE_ID),
                        new MapOutputBuffer(store, block.shuffleId(), block.mapId(), frame.sizeBytes())));
                blocks.add(new Tuple2<>(
                        new ShuffleIndexBlockId(block.shuffleId(), block.mapId(), NO_REDUCE_ID),
                        new NioManagedBuffer(ByteBuffer.allocate(1))));
            }
        });
        return CollectionConverters.asScala(blocks).toList();
    }

    @Override
    public StreamCallbackWithID putShuffleBlockAsStream(BlockId blockId, SerializerManager serializerManager) {
        return new MapOutputReceiver(ShuffleRuntime.current().store(), blockId);
    }

    @Override
    public void removeDataByMap(int shuffleId, long mapId) {
        ShuffleRuntime.installed().ifPresent(runtime -> runtime.store().removeMap(shuffleId, mapId));
    }

    @Override
    public ManagedBuffer getBlockData(BlockId blockId, Option<String[]> directories) {
        throw new IllegalStateException(blockId + " was asked for through Spark's block transfer; blocks of"
                + " MooncakeShuffleManager are read by its own readers only");
    }
}
