// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.store.Blob;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.function.UnaryOperator;

/**
 * What a rank publishes so that the others find it. Versioned, big-endian: {@code u16 version | i32 rank | i32 size | i32 window bytes
 * | text process | i64 process epoch | text address | text host mark | i32 n | n bytes of descriptor}; a text is {@code u16 length | UTF-8}. Whose memory it maps it publishes
 * apart, see {@link RankMaps}.
 *
 * @param rank its rank
 * @param size number of ranks that it expects
 * @param windowBytes size of each of its windows
 * @param process where it runs
 * @param encodedSegment what to map, as it was published: everybody holds the records of all, and maps those of one host
 */
record RankRecord(int rank, int size, int windowBytes, Home process, Blob encodedSegment) {
    private static final int VERSION = 3;

    RankRecord(int rank, int size, int windowBytes, Home process, RegionDescriptor segment) {
        this(rank, size, windowBytes, process, Blob.of(encode(segment::writeTo)));
    }

    /**
     * A rank's process.
     *
     * @param name of the process among peers
     * @param epoch life of that process
     * @param address {@code host:port} of that process
     * @param mark see {@link HostMark}
     */
    record Home(String name, long epoch, String address, String mark) {
        boolean is(PeerRecord peer) {
            return epoch == peer.epoch() && name.equals(peer.name());
        }

        boolean isSameProcess(Home other) {
            return epoch == other.epoch && name.equals(other.name);
        }

        /** Tells whether memory of the other process may be mapped here. */
        boolean mayMap(Home other) {
            return isSameProcess(other) || (!mark.isEmpty() && mark.equals(other.mark));
        }
    }

    boolean isOf(PeerRecord peer) {
        return process.is(peer);
    }

    String address() {
        return process.address();
    }

    String describe() {
        return "rank " + rank + " (" + address() + ")";
    }

    /** Returns what to map. */
    RegionDescriptor segment() throws TransferException {
        byte[] bytes = encodedSegment.toBytes();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            return RegionDescriptor.readFrom(in);
        } catch (IOException | IllegalArgumentException e) {
            throw unreadable(bytes, e);
        }
    }

    byte[] encode() {
        byte[] segment = encodedSegment.toBytes();
        return encode(out -> {
            out.writeShort(VERSION);
            out.writeInt(rank);
            out.writeInt(size);
            out.writeInt(windowBytes);
            writeText(out, process.name());
            out.writeLong(process.epoch());
            writeText(out, process.address());
            writeText(out, process.mark());
            out.writeInt(segment.length);
            out.write(segment);
        });
    }

    /**
     * Reads a record.
     *
     * @param shared gives one string for all equal ones: ranks of a host have the same mark, and it is long
     */
    static RankRecord decode(byte[] bytes, UnaryOperator<String> shared) throws TransferException {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        try {
            int version = in.getShort();
            if (version != VERSION) {
                throw new TransferException(
                        TransferException.Code.PROTOCOL,
                        "rank record version=" + version + ", this build reads version=" + VERSION
                                + ": run the same spark-mooncake jar on every executor");
            }
            int rank = in.getInt();
            int size = in.getInt();
            int windowBytes = in.getInt();
            Home process = new Home(text(in), in.getLong(), text(in), shared.apply(text(in)));
            byte[] segment = new byte[Objects.checkIndex(in.getInt(), in.remaining() + 1)];
            in.get(segment);
            return new RankRecord(rank, size, windowBytes, process, Blob.of(segment));
        } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
            throw unreadable(bytes, e);
        }
    }

    private static String text(ByteBuffer in) {
        byte[] bytes = new byte[Objects.checkIndex(Short.toUnsignedInt(in.getShort()), in.remaining() + 1)];
        in.get(bytes);
        return new String(bytes, UTF_8);
    }

    private static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(UTF_8);
        out.writeShort(bytes.length);
        out.write(bytes);
    }

    private static TransferException unreadable(byte[] bytes, Exception cause) {
        return new TransferException(
                TransferException.Code.PROTOCOL, "unreadable rank record of " + bytes.length + " bytes", cause);
    }

    private interface Writing {
        void to(DataOutputStream out) throws IOException;
    }

    private static byte[] encode(Writing content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            content.to(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }
}
