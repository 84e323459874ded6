// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The entries of one request in columns: 20 bytes an entry and 16 a region, big-endian.
 *
 * <pre>
 *   +-----------+ regions x +-----------+-----+ entries x +--------------+ +--------+ +--------+
 *   | regions R |           | region id | key |           | region index | | offset | | length |
 *   +-----------+           +-----------+-----+           +--------------+ +--------+ +--------+
 *   i32                     i64         i64               i32 each         i64 each   i64 each
 * </pre>
 *
 * <p>Threading: one thread.
 */
final class EntryColumns {
    /** Most entries in one request; a batch with more is several requests. */
    static final int MAX_ENTRIES = 32 << 10;

    static final int MAX_BYTES = bytes(MAX_ENTRIES, MAX_ENTRIES);
    private static final int REGION_BYTES = 16;
    private static final int ENTRY_BYTES = 20;

    private final Map<RegionDescriptor, Integer> regionIndexes = new HashMap<>();
    private @Nullable RegionDescriptor lastRegion;
    private long[] regionIds;
    private long[] regionKeys;
    private int regions;
    private int[] regionOf;
    private long[] offsets;
    private long[] lengths;
    private int entries;
    private long totalBytes;

    /** Creates columns without entries. */
    EntryColumns(int capacity) {
        this(new long[4], new long[4], capacity);
    }

    private EntryColumns(long[] regionIds, long[] regionKeys, int capacity) {
        this.regionIds = regionIds;
        this.regionKeys = regionKeys;
        this.regionOf = new int[capacity];
        this.offsets = new long[capacity];
        this.lengths = new long[capacity];
    }

    void add(RegionDescriptor region, long offset, long length) {
        if (entries == offsets.length) {
            int capacity = Math.max(8, entries * 2);
            regionOf = Arrays.copyOf(regionOf, capacity);
            offsets = Arrays.copyOf(offsets, capacity);
            lengths = Arrays.copyOf(lengths, capacity);
        }
        regionOf[entries] = region.equals(lastRegion)
                ? regionOf[entries - 1]
                : regionIndexes.computeIfAbsent(region, this::addRegion);
        lastRegion = region;
        offsets[entries] = offset;
        lengths[entries] = length;
        totalBytes += length;
        entries++;
    }

    private int addRegion(RegionDescriptor region) {
        if (regions == regionIds.length) {
            regionIds = Arrays.copyOf(regionIds, regions * 2);
            regionKeys = Arrays.copyOf(regionKeys, regions * 2);
        }
        regionIds[regions] = region.id();
        regionKeys[regions] = region.key();
        return regions++;
    }

    int entries() {
        return entries;
    }

    long totalBytes() {
        return totalBytes;
    }

    long regionId(int entry) {
        return regionIds[regionOf[entry]];
    }

    long regionKey(int entry) {
        return regionKeys[regionOf[entry]];
    }

    long offset(int entry) {
        return offsets[entry];
    }

    long length(int entry) {
        return lengths[entry];
    }

    int encodedBytes() {
        return bytes(regions, entries);
    }

    private static int bytes(int regions, int entries) {
        return 4 + regions * REGION_BYTES + entries * ENTRY_BYTES;
    }

    void writeTo(ByteBuf out) {
        out.writeInt(regions);
        for (int i = 0; i < regions; i++) {
            out.writeLong(regionIds[i]).writeLong(regionKeys[i]);
        }
        for (int i = 0; i < entries; i++) {
            out.writeInt(regionOf[i]);
        }
        for (int i = 0; i < entries; i++) {
            out.writeLong(offsets[i]);
        }
        for (int i = 0; i < entries; i++) {
            out.writeLong(lengths[i]);
        }
    }

    /** Reads {@code entries} entries that fill {@code in}. */
    static EntryColumns readFrom(ByteBuf in, int entries) throws TransferException {
        int bytes = in.readableBytes();
        int regions = bytes < 4 ? -1 : in.readInt();
        if (regions < 0
                || regions > MAX_ENTRIES
                || entries < 1
                || entries > MAX_ENTRIES
                || bytes != bytes(regions, entries)) {
            throw new TransferException(
                    Code.PROTOCOL,
                    "request of entries=" + entries + " regions=" + regions + " does not fill bytes=" + bytes
                            + " (at most " + MAX_ENTRIES + " each)");
        }
        EntryColumns columns = new EntryColumns(new long[regions], new long[regions], entries);
        columns.read(in, regions, entries);
        return columns;
    }

    private void read(ByteBuf in, int regionCount, int entryCount) throws TransferException {
        for (int i = 0; i < regionCount; i++) {
            regionIds[i] = in.readLong();
            regionKeys[i] = in.readLong();
        }
        for (int i = 0; i < entryCount; i++) {
            regionOf[i] = in.readInt();
            if (regionOf[i] < 0 || regionOf[i] >= regionCount) {
                throw new TransferException(
                        Code.PROTOCOL, "entry=" + i + " names region=" + regionOf[i] + " of regions=" + regionCount);
            }
        }
        for (int i = 0; i < entryCount; i++) {
            offsets[i] = in.readLong();
        }
        for (int i = 0; i < entryCount; i++) {
            lengths[i] = in.readLong();
            if (lengths[i] < 0) {
                throw new TransferException(Code.PROTOCOL, "entry=" + i + " has length=" + lengths[i]);
            }
            totalBytes += lengths[i];
        }
        regions = regionCount;
        entries = entryCount;
    }
}
