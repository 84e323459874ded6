// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Look-ups on the wire, big-endian. A block costs 28 bytes of an answer and no object.
 *
 * <pre>
 * request   u8 version | i64 lease | i32 shuffle | i32 first partition | i32 end partition | i32 m | m × i64 map id
 * answer    u8 version | i64 lease | i32 m | i32 end partition | i32 g | i32 bytes | g × region descriptor
 *           | i32 n | n × (i32 map ordinal | i32 word of the {@link BlockIndex} | i32 region | i64 offset | u32 length | i32 crc)
 * renewal   n × i64 lease        (the answer is n × u8, 1 when that lease lives)
 * release   n × i64 lease        (the answer is u8 0)
 * </pre>
 *
 * An answer covers the first m of the map outputs that were asked for, up to its end partition. That is all of them and all of the
 * partitions, unless the answer would be too long.
 */
public final class LookupFrame {
    private static final byte VERSION = 3;
    private static final int HEAD_BYTES = 25;
    /** What an answer takes without regions and rows. */
    static final int ANSWER_HEAD_BYTES = 29;

    private static final int ROW_BYTES = 28;

    private LookupFrame() {}

    /** Encodes a request. */
    public static ByteBuffer encode(LookupRequest request) {
        ByteBuffer out = ByteBuffer.allocate(HEAD_BYTES + Long.BYTES * request.mapIds().length);
        out.put(VERSION).putLong(request.leaseId()).putInt(request.shuffleId());
        out.putInt(request.startPartition()).putInt(request.endPartition()).putInt(request.mapIds().length);
        out.asLongBuffer().put(request.mapIds());
        return out.rewind();
    }

    /** Decodes a request; anything else is an {@link IOException}. */
    public static LookupRequest decodeRequest(ByteBuffer in) throws IOException {
        try {
            checkVersion(in.get());
            long leaseId = in.getLong();
            int shuffleId = in.getInt();
            int start = in.getInt();
            int end = in.getInt();
            long[] mapIds = new long[count(in, Long.BYTES)];
            in.asLongBuffer().get(mapIds);
            return new LookupRequest(shuffleId, start, end, mapIds).withLease(leaseId);
        } catch (BufferUnderflowException e) {
            throw new IOException("truncated shuffle look-up request", e);
        }
    }

    /** Encodes an answer. */
    public static ByteBuffer encode(LeasedBlocks<RegionDescriptor> answer) {
        BlockTable table = answer.table();
        byte[] regions = encodeRegions(answer.regions());
        int fixedBytes = ANSWER_HEAD_BYTES + regions.length;
        ByteBuffer out = ByteBuffer.allocate(Math.addExact(fixedBytes, Math.multiplyExact(ROW_BYTES, table.size())));
        out.put(VERSION).putLong(answer.leaseId()).putInt(table.maps()).putInt(table.endPartition());
        out.putInt(answer.regions().size()).putInt(regions.length).put(regions).putInt(table.size());
        for (int row = 0; row < table.size(); row++) {
            out.putInt(table.map(row)).putInt(table.word(row)).putInt(table.region(row));
            out.putLong(table.offset(row)).putInt((int) table.length(row)).putInt(table.checksum(row));
        }
        return out.rewind();
    }

    /** Decodes an answer; anything else is an {@link IOException}. */
    public static LeasedBlocks<RegionDescriptor> decodeAnswer(ByteBuffer in) throws IOException {
        try {
            checkVersion(in.get());
            long lease = in.getLong();
            BlockTable table = new BlockTable(count(in, 0), in.getInt());
            int regionCount = in.getInt();
            byte[] encodedRegions = new byte[count(in, 1)];
            in.get(encodedRegions);
            List<RegionDescriptor> regions = decodeRegions(encodedRegions, regionCount);
            int rows = count(in, ROW_BYTES);
            for (int row = 0; row < rows; row++) {
                int map = checkIndex(in.getInt(), table.maps());
                int word = in.getInt();
                int region = checkIndex(in.getInt(), regionCount);
                table.add(map, region, word, in.getLong(), Integer.toUnsignedLong(in.getInt()), in.getInt());
            }
            return new LeasedBlocks<>(lease, regions, table);
        } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new IOException("malformed shuffle look-up answer", e);
        }
    }

    /** Returns the bytes that a number of rows takes. */
    static long rowBytes(long rows) {
        return rows * ROW_BYTES;
    }

    /** Returns the most bytes that a region may take. */
    static long maxRegionBytes(RegionDescriptor region) {
        int chars = region.location().toString().length() + region.path().length();
        return 3L * Long.BYTES + 2L * Short.BYTES + 3L * chars;
    }

    /** Returns how many pairs of map and partition an encoded request asks for, without checking or consuming it. */
    static long pairs(ByteBuffer request) {
        int at = request.position() + 1 + Long.BYTES + Integer.BYTES;
        return request.remaining() < HEAD_BYTES
                ? 0
                : (long) request.getInt(at + 2 * Integer.BYTES)
                        * ((long) request.getInt(at + Integer.BYTES) - request.getInt(at));
    }

    /** Encodes the lease ids of a renewal or a release. */
    public static ByteBuffer leases(long... leaseIds) {
        ByteBuffer out = ByteBuffer.allocate(Long.BYTES * leaseIds.length);
        out.asLongBuffer().put(leaseIds);
        return out;
    }

    private static byte[] encodeRegions(List<RegionDescriptor> regions) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(64 * regions.size());
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            for (RegionDescriptor region : regions) {
                region.writeTo(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static List<RegionDescriptor> decodeRegions(byte[] encoded, int count) throws IOException {
        List<RegionDescriptor> regions = new ArrayList<>();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
            for (int i = 0; i < count; i++) {
                regions.add(RegionDescriptor.readFrom(in));
            }
        }
        return regions;
    }

    private static int count(ByteBuffer in, int elementBytes) throws IOException {
        int count = in.getInt();
        if (count < 0 || (long) count * elementBytes > in.remaining()) {
            throw new IOException("shuffle look-up names count=" + count + " of " + elementBytes
                    + "-byte elements, has " + in.remaining() + " bytes left");
        }
        return count;
    }

    private static int checkIndex(int index, int size) {
        return Objects.checkIndex(index, size);
    }

    private static void checkVersion(byte version) throws IOException {
        if (version != VERSION) {
            throw new IOException("shuffle look-up version=" + version + ", this build speaks version=" + VERSION
                    + ": run the same spark-mooncake jar on every executor");
        }
    }
}
