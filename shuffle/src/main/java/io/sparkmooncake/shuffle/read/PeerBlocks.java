// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.SparkInternals.FailedBlock;
import io.sparkmooncake.shuffle.store.BlockTable;
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

/**
 * What one look-up asks an executor for, as Spark's map output tracker lists it: one entry per map output, for a range of
 * partitions. What an executor holds of a task's input is split into several, so that each question is bounded; the owner answers as
 * much of one as fits into an answer.
 */
final class PeerBlocks {
    /** Blocks that one look-up asks for. Each takes 28 bytes of the answer, once for every part of its map output that has some of it. */
    static final int MAX_BLOCKS = 1 << 16;

    private final BlockManagerId address;
    private final int startPartition;
    private int endPartition;
    private long[] mapIds = new long[16];
    private int[] mapIndexes = new int[16];
    private int[] blocks = new int[16];
    private int maps;
    private long totalBlocks;

    private PeerBlocks(BlockManagerId address, int startPartition, int endPartition) {
        this.address = address;
        this.startPartition = startPartition;
        this.endPartition = endPartition;
    }

    /**
     * Groups the tracker's answer, which lists the blocks of one map output one after another, in the order of partitions.
     *
     * @param startPartition first wanted partition
     * @param endPartition partition after the last wanted one
     * @param maxBlocks most blocks of one look-up
     */
    static List<PeerBlocks> of(
            Iterator<Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>>> tracked,
            int startPartition,
            int endPartition,
            int maxBlocks) {
        List<PeerBlocks> pieces = new ArrayList<>();
        while (tracked.hasNext()) {
            Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>> entry = tracked.next();
            PeerBlocks piece = new PeerBlocks(entry._1(), startPartition, endPartition);
            Iterator<Tuple3<BlockId, Object, Object>> listed = entry._2().iterator();
            while (listed.hasNext()) {
                Tuple3<BlockId, Object, Object> block = listed.next();
                ShuffleBlockId id = (ShuffleBlockId) block._1();
                int mapIndex = (Integer) block._3();
                boolean full = piece.totalBlocks >= maxBlocks;
                if (!piece.endsWith(id.mapId(), mapIndex)) {
                    if (full || piece.startPartition != startPartition) {
                        pieces.add(piece.trim());
                        piece = new PeerBlocks(entry._1(), startPartition, endPartition);
                    }
                } else if (full && piece.maps > 1) {
                    PeerBlocks alone = piece.takeLast();
                    pieces.add(piece.trim());
                    piece = alone;
                } else if (full) {
                    piece.endPartition = id.reduceId();
                    pieces.add(piece.trim());
                    piece = new PeerBlocks(entry._1(), id.reduceId(), endPartition);
                }
                piece.add(id.mapId(), mapIndex, 1);
            }
            pieces.add(piece.trim());
        }
        return pieces;
    }

    /**
     * Returns what an answer covers of this, see {@link BlockTable}: the first of the map outputs, or the first partitions of the
     * first one.
     *
     * @param table of an answer to this, with nothing beyond it
     */
    PeerBlocks coveredBy(BlockTable table) {
        PeerBlocks covered = piece(0, table.maps(), startPartition, table.endPartition());
        if (covered.endPartition < endPartition) {
            // An owner ends there because another block follows: fewer than all are in this answer.
            covered.blocks[0] = Math.min(table.blocksPerMap()[0], blocks[0] - 1);
        }
        return covered;
    }

    /** Returns what must still be asked for once there is an answer to {@code covered}. */
    List<PeerBlocks> without(PeerBlocks covered) {
        List<PeerBlocks> left = new ArrayList<>();
        if (covered.endPartition < endPartition) {
            PeerBlocks goesOn = piece(0, 1, covered.endPartition, endPartition);
            goesOn.blocks[0] -= covered.blocks[0];
            left.add(goesOn);
        }
        if (covered.maps < maps) {
            left.add(piece(covered.maps, maps, startPartition, endPartition));
        }
        return left;
    }

    private PeerBlocks piece(int fromMap, int toMap, int fromPartition, int toPartition) {
        PeerBlocks piece = new PeerBlocks(address, fromPartition, toPartition);
        for (int map = fromMap; map < toMap; map++) {
            piece.add(mapIds[map], mapIndexes[map], blocks[map]);
        }
        return piece.trim();
    }

    private boolean endsWith(long mapId, int mapIndex) {
        return maps > 0 && mapIds[maps - 1] == mapId && mapIndexes[maps - 1] == mapIndex;
    }

    /** Moves the last map output into a piece of its own. */
    private PeerBlocks takeLast() {
        PeerBlocks last = new PeerBlocks(address, startPartition, endPartition);
        maps--;
        totalBlocks -= blocks[maps];
        last.add(mapIds[maps], mapIndexes[maps], blocks[maps]);
        return last;
    }

    private void add(long mapId, int mapIndex, int count) {
        totalBlocks += count;
        if (endsWith(mapId, mapIndex)) {
            blocks[maps - 1] += count;
            return;
        }
        if (maps == mapIds.length) {
            resize(maps * 2);
        }
        mapIds[maps] = mapId;
        mapIndexes[maps] = mapIndex;
        blocks[maps] = count;
        maps++;
    }

    private PeerBlocks trim() {
        resize(maps);
        return this;
    }

    private void resize(int capacity) {
        mapIds = Arrays.copyOf(mapIds, capacity);
        mapIndexes = Arrays.copyOf(mapIndexes, capacity);
        blocks = Arrays.copyOf(blocks, capacity);
    }

    BlockManagerId address() {
        return address;
    }

    String executorId() {
        return address.executorId();
    }

    /** Returns the first partition that is wanted. */
    int startPartition() {
        return startPartition;
    }

    /** Returns the partition after the last one that is wanted. */
    int endPartition() {
        return endPartition;
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
