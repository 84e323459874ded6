// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Who is active in one generation: the one value in the store that ranks agree by. It is only ever replaced by its successor, by
 * compare-and-set. Encoded big-endian, the same bytes for the same view.
 *
 * @param generation from 0
 * @param members in the order of ranks
 * @param committed number of the last operation whose result every member has
 * @param admission number of the last operation that agreed on ranks to take in, and whose ranks are in
 * @param stalls how many generations in a row had these members and no new result
 * @param failure why nobody goes on; null while they do
 * @param reason why this generation was made, or the text of the failure
 */
record View(
        long generation,
        List<Member> members,
        long committed,
        long admission,
        int stalls,
        @Nullable Code failure,
        String reason) {
    private static final int VERSION = 1;

    View {
        members = List.copyOf(members);
    }

    boolean contains(Member member) {
        return members.contains(member);
    }

    ActiveRanks active() {
        return new ActiveRanks(generation, members.stream().map(Member::rank).toList());
    }

    /** Returns what every rank throws that sees a view with a failure. */
    CollectiveException exception() {
        return new CollectiveException(failure == null ? Code.ABORTED : failure, reason);
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeShort(VERSION);
            out.writeLong(generation);
            out.writeLong(committed);
            out.writeLong(admission);
            out.writeInt(stalls);
            out.writeUTF(failure == null ? "" : failure.name());
            Texts.write(out, reason);
            out.writeInt(members.size());
            for (Member member : members) {
                member.writeTo(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static View decode(byte[] bytes) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            int version = in.readUnsignedShort();
            if (version != VERSION) {
                throw new IOException("view version=" + version + ", this build reads version=" + VERSION
                        + ": run the same spark-mooncake jar on every executor");
            }
            long generation = in.readLong();
            long committed = in.readLong();
            long admission = in.readLong();
            int stalls = in.readInt();
            String code = in.readUTF();
            String reason = Texts.read(in);
            List<Member> members = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                members.add(Member.readFrom(in));
            }
            Code failure = code.isEmpty() ? null : Code.valueOf(code);
            return new View(generation, members, committed, admission, stalls, failure, reason);
        } catch (IOException | IllegalArgumentException e) {
            throw new IllegalStateException("unreadable view of " + bytes.length + " bytes: " + e.getMessage(), e);
        }
    }
}
