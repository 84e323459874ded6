// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import java.util.Arrays;

/**
 * What a look-up found: one row per block, as columns of primitives. Rows of one map output and partition stand together and
 * in reading order. A table covers the first map outputs that were asked for, all of them unless the answer would be too long; one
 * that covers a single map output may end before the last partition that was asked for.
 *
 * @see LookupFrame
 */
public final class BlockTable {
    private final int maps;
    private final int endPartition;
    private int[] map = new int[16];
    private int[] word = new int[16];
    private int[] region = new int[16];
    private int[] checksum = new int[16];
    private long[] offset = new long[16];
    private long[] length = new long[16];
    private int size;

    /** Creates an empty table that covers {@code maps} map outputs, up to and without {@code endPartition}. */
    public BlockTable(int maps, int endPartition) {
        this.maps = maps;
        this.endPartition = endPartition;
    }

    /** Returns a table with the same rows, all of which are of the first {@code maps} map outputs and before {@code end}. */
    BlockTable covering(int maps, int end) {
        if (maps == this.maps && end == endPartition) {
            return this;
        }
        BlockTable part = new BlockTable(maps, end);
        part.map = map;
        part.word = word;
        part.region = region;
        part.checksum = checksum;
        part.offset = offset;
        part.length = length;
        part.size = size;
        return part;
    }

    /** Adds a row. */
    void add(int mapOrdinal, int regionIndex, long partOffset, BlockIndex index, int entry) {
        int row = addRow(mapOrdinal, regionIndex, index.word(entry));
        offset[row] = partOffset + index.start(entry);
        length[row] = index.length(entry);
        checksum[row] = index.checksum(entry);
    }

    /** Adds a row as it came over the wire. */
    void add(int mapOrdinal, int regionIndex, int blockWord, long offsetBytes, long lengthBytes, int crc32c) {
        int row = addRow(mapOrdinal, regionIndex, blockWord);
        offset[row] = offsetBytes;
        length[row] = lengthBytes;
        checksum[row] = crc32c;
    }

    private int addRow(int mapOrdinal, int regionIndex, int blockWord) {
        if (size == map.length) {
            int capacity = size * 2;
            map = Arrays.copyOf(map, capacity);
            word = Arrays.copyOf(word, capacity);
            region = Arrays.copyOf(region, capacity);
            checksum = Arrays.copyOf(checksum, capacity);
            offset = Arrays.copyOf(offset, capacity);
            length = Arrays.copyOf(length, capacity);
        }
        map[size] = mapOrdinal;
        region[size] = regionIndex;
        word[size] = blockWord;
        return size++;
    }

    /** Returns the rows of these partitions, in a table of their own. */
    public BlockTable between(int fromPartition, int toPartition) {
        BlockTable part = new BlockTable(maps, Math.min(endPartition, toPartition));
        for (int row = 0; row < size; row++) {
            int rowPartition = partition(row);
            if (rowPartition >= fromPartition && rowPartition < toPartition) {
                part.add(map[row], region[row], word[row], offset[row], length[row], checksum[row]);
            }
        }
        return part;
    }

    /** Returns the number of rows. */
    public int size() {
        return size;
    }

    /** Returns the number of map outputs that the table covers: the first of those asked for. */
    public int maps() {
        return maps;
    }

    /** Returns the partition after the last one that the table covers. */
    public int endPartition() {
        return endPartition;
    }

    /** Returns the position of the row's map output in the request. */
    public int map(int row) {
        return map[row];
    }

    /** Returns the row's partition. */
    public int partition(int row) {
        return BlockIndex.partitionOf(word[row]);
    }

    /** Returns whether the next row goes on with this row's block. */
    public boolean continued(int row) {
        return BlockIndex.isContinued(word[row]);
    }

    /** Returns whether the row goes on with the block of the row before. */
    public boolean continues(int row) {
        return row > 0 && continued(row - 1);
    }

    /**
     * Finds a row whose block should go on and does not: the next row is of another map output or partition, or there is none.
     *
     * @return the first such row; −1 when there is none
     */
    public int firstCutOff() {
        for (int row = 0; row < size; row++) {
            if (continued(row)
                    && (row + 1 == size || map[row + 1] != map[row] || partition(row + 1) != partition(row))) {
                return row;
            }
        }
        return -1;
    }

    int word(int row) {
        return word[row];
    }

    /** Returns the row's region, as an index into the look-up's regions. */
    public int region(int row) {
        return region[row];
    }

    /** Returns where in the region the row's bytes begin. */
    public long offset(int row) {
        return offset[row];
    }

    /** Returns the row's length in bytes. */
    public long length(int row) {
        return length[row];
    }

    /** Returns the CRC32C of the row's bytes. */
    public int checksum(int row) {
        return checksum[row];
    }

    /** Returns how the row's block is encoded. */
    public Encoding encoding(int row) {
        return BlockIndex.encodingOf(word[row]);
    }

    /**
     * Compares with what Spark's map output tracker says must be there, so that nothing is silently left out.
     *
     * @param blocksPerMap non-empty blocks expected of each map output asked for
     * @return the ordinal of the first map output with fewer or more blocks; −1 when all are complete
     */
    public int firstIncomplete(int[] blocksPerMap) {
        return Arrays.mismatch(blocksPerMap(), blocksPerMap);
    }

    /** Returns the number of blocks found of each map output. */
    public int[] blocksPerMap() {
        int[] found = new int[maps];
        for (int row = 0; row < size; row++) {
            boolean sameBlock = row > 0 && map[row - 1] == map[row] && partition(row - 1) == partition(row);
            found[map[row]] += sameBlock ? 0 : 1;
        }
        return found;
    }
}
