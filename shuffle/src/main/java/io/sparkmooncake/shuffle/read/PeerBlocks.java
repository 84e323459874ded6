// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.SparkInternals.FailedBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Iterator;
import scala.collection.Seq;

/** What one executor holds of a reduce task's input, as Spark's map output tracker says: one entry per map output. */
final class PeerBlocks {
    private final BlockManagerId address;
    private final int startPartition;
    private long[] mapIds = new long[16];
    private int[] mapIndexes = new int[16];
    private int[] blocks = new int[16];
    private int maps;

    private PeerBlocks(BlockManagerId address, int startPartition) {
        this.address = address;
        this.startPartition = startPartition;
    }

    /** Groups the tracker's answer, which lists the blocks of one map output one after another. */
    static List<PeerBlocks> of(
            Iterator<Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>>> tracked, int startPartition) {
        List<PeerBlocks> peers = new ArrayList<>();
        while (tracked.hasNext()) {
            Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>> entry = tracked.next();
            PeerBlocks peer = new PeerBlocks(entry._1(), startPartition);
            Iterator<Tuple3<BlockId, Object, Object>> blocks = entry._2().iterator();
            while (blocks.hasNext()) {
                Tuple3<BlockId, Object, Object> block = blocks.next();
                peer.add(((ShuffleBlockId) block._1()).mapId(), (Integer) block._3());
            }
            peer.trim();
            peers.add(peer);
        }
        return peers;
    }

    private void add(long mapId, int mapIndex) {
        if (maps > 0 && mapIds[maps - 1] == mapId && mapIndexes[maps - 1] == mapIndex) {
            blocks[maps - 1]++;
            return;
        }
        if (maps == mapIds.length) {
            resize(maps * 2);
        }
        mapIds[maps] = mapId;
        mapIndexes[maps] = mapIndex;
        blocks[maps] = 1;
        maps++;
    }

    private void trim() {
        resize(maps);
    }

    private void resize(int capacity) {
        mapIds = Arrays.copyOf(mapIds, capacity);
        mapIndexes = Arrays.copyOf(mapIndexes, capacity);
        blocks = Arrays.copyOf(blocks, capacity);
    }

    BlockManagerId address() {
        return address;
    }

    /** Returns the map ids wanted; owned by this object. */
    long[] mapIds() {
        return mapIds;
    }

    /** Returns how many non-empty blocks each map output has in the wanted partitions; owned by this object. */
    int[] blocksPerMap() {
        return blocks;
    }

    /** Names a block for Spark: the first wanted one of the map output at {@code ordinal}. */
    FailedBlock failed(int ordinal) {
        return failed(ordinal, startPartition);
    }

    FailedBlock failed(int ordinal, int partition) {
        return new FailedBlock(mapIds[ordinal], mapIndexes[ordinal], partition);
    }

    /** Returns executor and address as error messages name them. */
    String describe() {
        return "executor " + address.executorId() + " (" + address.hostPort() + ")";
    }
}
