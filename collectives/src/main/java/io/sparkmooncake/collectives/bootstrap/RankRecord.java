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

/**
 * What a rank publishes so that the others find it. Versioned, big-endian:
 * {@code u16 version | i32 rank | i32 size | i32 window bytes | utf process | i64 process epoch | utf address | descriptor}.
 *
 * @param rank its rank
 * @param size number of ranks that it expects
 * @param windowBytes size of each of its windows
 * @param process name of its process among peers
 * @param processEpoch life of that process
 * @param address {@code host:port} of that process
 * @param segment what to map
 */
record RankRecord(
        int rank,
        int size,
        int windowBytes,
        String process,
        long processEpoch,
        String address,
        RegionDescriptor segment) {
    private static final int VERSION = 1;

    boolean isOf(PeerRecord peer) {
        return processEpoch == peer.epoch() && process.equals(peer.name());
    }

    String describe() {
        return "rank " + rank + " (" + address + ")";
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeShort(VERSION);
            out.writeInt(rank);
            out.writeInt(size);
            out.writeInt(windowBytes);
            out.writeUTF(process);
            out.writeLong(processEpoch);
            out.writeUTF(address);
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
                    in.readUTF(),
                    in.readLong(),
                    in.readUTF(),
                    RegionDescriptor.readFrom(in));
        } catch (TransferException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(
                    TransferException.Code.PROTOCOL, "unreadable rank record of " + bytes.length + " bytes", e);
        }
    }
}
