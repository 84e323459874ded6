// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.shuffle.store.MapOutputFrame;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.spark.SparkEnv;
import org.apache.spark.network.client.StreamCallbackWithID;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockStatus;
import org.apache.spark.storage.ShuffleDataBlockId;
import org.apache.spark.storage.StorageLevel;

/** Takes in one block of a map output that moves here. Threading: one of Spark's network threads, one call after another. */
final class MapOutputReceiver implements StreamCallbackWithID {
    private final MapOutputStore store;
    private final BlockId blockId;
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();

    MapOutputReceiver(MapOutputStore store, BlockId blockId) {
        this.store = store;
        this.blockId = blockId;
    }

    @Override
    public String getID() {
        return blockId.name();
    }

    @Override
    public void onData(String streamId, ByteBuffer data) {
        byte[] bytes = new byte[data.remaining()];
        data.get(bytes);
        received.writeBytes(bytes);
    }

    @Override
    public void onComplete(String streamId) throws IOException {
        if (blockId instanceof ShuffleDataBlockId data) {
            ByteBuffer frame = ByteBuffer.wrap(received.toByteArray());
            store.commit(data.shuffleId(), MapOutputFrame.decode(store, data.mapId(), frame));
        }
        BlockStatus status = new BlockStatus(StorageLevel.DISK_ONLY(), 0, received.size());
        SparkEnv.get().blockManager().reportBlockStatus(blockId, status, 0L);
    }

    @Override
    public void onFailure(String streamId, Throwable cause) {
        received.reset();
    }
}
