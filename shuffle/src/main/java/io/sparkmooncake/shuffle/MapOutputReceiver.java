// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.store.MapOutputFrameReader;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.spark.network.client.StreamCallbackWithID;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockStatus;
import org.apache.spark.storage.ShuffleDataBlockId;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;

/**
 * Takes in one block of a map output that moves here, and writes it to files as it comes. Threading: one of Spark's network
 * threads, one call after another.
 */
final class MapOutputReceiver implements StreamCallbackWithID {
    private final MapOutputStore store;
    private final BlockId blockId;
    private final @Nullable MapOutputFrameReader frame;
    private long receivedBytes;

    MapOutputReceiver(MapOutputStore store, BlockId blockId) {
        this.store = store;
        this.blockId = blockId;
        this.frame = blockId instanceof ShuffleDataBlockId data ? new MapOutputFrameReader(store, data.mapId()) : null;
    }

    @Override
    public String getID() {
        return blockId.name();
    }

    @Override
    public void onData(String streamId, ByteBuffer data) throws IOException {
        receivedBytes += data.remaining();
        if (frame == null) {
            data.position(data.limit());
            return;
        }
        frame.accept(data);
    }

    @Override
    public void onComplete(String streamId) throws IOException {
        if (frame != null && blockId instanceof ShuffleDataBlockId data) {
            store.commit(data.shuffleId(), frame.finish());
        }
        BlockStatus status = new BlockStatus(StorageLevel.DISK_ONLY(), 0, receivedBytes);
        SparkInternals.reportBlock(blockId, status);
    }

    @Override
    public void onFailure(String streamId, Throwable cause) {
        if (frame != null) {
            frame.close();
        }
    }
}
