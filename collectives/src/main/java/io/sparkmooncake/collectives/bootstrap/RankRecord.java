// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a rank publishes so that the others find it. Versioned, big-endian: {@code u16 version | i32 rank | i32 size | i32 window bytes
 * | utf process | i64 process epoch | utf address | utf host mark | descriptor}. Whose memory it maps it publishes apart, as {@code
 * i32 n | n × i32 rank}, because everybody reads that of everybody, and it is short.
 *
 * @param rank its rank
 * @param size number of ranks that it expects
 * @param windowBytes size of each of its windows
 * @param process where it runs
 * @param segment what to map
 * @param mapped ranks of other processes whose segments it mapped; empty while it does not know
 */
record RankRecord(
        int rank, int size, int windowBytes, Home process, RegionDescriptor segment, Optional<List<Integer>> mapped) {
    private static final int VERSION = 2;

    RankRecord {
        mapped = mapped.map(List::copyOf);
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

    /** Returns the record of the same rank that knows whose memory it maps. */
    RankRecord mapping(List<Integer> ranks) {
        return new RankRecord(rank, size, windowBytes, process, segment, Optional.of(ranks));
    }

    boolean maps(RankRecord other) {
        return process.isSameProcess(other.process)
                || (mapped.isPresent() && mapped.get().contains(other.rank));
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeShort(VERSION);
            out.writeInt(rank);
            out.writeInt(size);
            out.writeInt(windowBytes);
            out.writeUTF(process.name());
            out.writeLong(process.epoch());
            out.writeUTF(process.address());
            out.writeUTF(process.mark());
            segment.writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static RankRecord decode(byte[] bytes) throws TransferException {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            int version = in.readUnsignedShort();
            if (version != VERSION) {
                throw new TransferException(
                        TransferException.Code.PROTOCOL,
                        "rank record version=" + version + ", this build reads version=" + VERSION
                                + ": run the same spark-mooncake jar on every executor");
            }
            return new RankRecord(
                    in.readInt(),
                    in.readInt(),
                    in.readInt(),
                    new Home(in.readUTF(), in.readLong(), in.readUTF(), in.readUTF()),
                    RegionDescriptor.readFrom(in),
                    Optional.empty());
        } catch (TransferException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(
                    TransferException.Code.PROTOCOL, "unreadable rank record of " + bytes.length + " bytes", e);
        }
    }

    static byte[] encodeRanks(List<Integer> ranks) {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * (1 + ranks.size()));
        bytes.putInt(ranks.size());
        ranks.forEach(bytes::putInt);
        return bytes.array();
    }

    static List<Integer> decodeRanks(byte[] encoded) throws TransferException {
        ByteBuffer bytes = ByteBuffer.wrap(encoded);
        int count = encoded.length < Integer.BYTES ? -1 : bytes.getInt();
        if (count < 0 || bytes.remaining() != (long) count * Integer.BYTES) {
            throw new TransferException(
                    TransferException.Code.PROTOCOL, "unreadable list of ranks of " + encoded.length + " bytes");
        }
        List<Integer> ranks = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            ranks.add(bytes.getInt());
        }
        return ranks;
    }
}
