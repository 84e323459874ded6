// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * One life of one rank. Encoded as {@code i32 rank | i64 token | utf process | i64 process epoch | utf address}.
 *
 * @param rank number that it joined with
 * @param token random; another one each time that the rank joins
 * @param process name of its process among peers
 * @param processEpoch life of that process
 * @param address {@code host:port} of that process
 */
record Member(int rank, long token, String process, long processEpoch, String address) {
    String describe() {
        return "rank " + rank + " (" + address + ")";
    }

    /** Returns the name of the key that says that this life is there. */
    String key() {
        return rank + "." + Long.toHexString(token);
    }

    void writeTo(DataOutputStream out) throws IOException {
        out.writeInt(rank);
        out.writeLong(token);
        out.writeUTF(process);
        out.writeLong(processEpoch);
        out.writeUTF(address);
    }

    static Member readFrom(DataInputStream in) throws IOException {
        return new Member(in.readInt(), in.readLong(), in.readUTF(), in.readLong(), in.readUTF());
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(96);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static Member decode(byte[] bytes) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            return readFrom(in);
        } catch (IOException e) {
            throw new UncheckedIOException("unreadable member of " + bytes.length + " bytes", e);
        }
    }

    /** Encodes several: {@code i32 number} and each of them. */
    static byte[] encodeAll(List<Member> members) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(96);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(members.size());
            for (Member member : members) {
                member.writeTo(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static List<Member> decodeAll(byte[] bytes) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            List<Member> members = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                members.add(readFrom(in));
            }
            return members;
        } catch (IOException e) {
            throw new UncheckedIOException("unreadable members of " + bytes.length + " bytes", e);
        }
    }
}
