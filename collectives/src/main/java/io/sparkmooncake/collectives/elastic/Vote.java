// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException.Code;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one member says when its generation is over. Big-endian, in the order of the components.
 *
 * @param member who
 * @param has number of the last operation whose result it has
 * @param code why its communicator broke, {@link Code#ABORTED} for none
 * @param text the same in words
 * @param lost ranks whose processes it knows to be lost, with the reason
 * @param admissionNumber number of the operation that agreed on {@code admitted}
 * @param admitted who joins the next generation, when every member has that operation
 */
record Vote(
        Member member,
        long has,
        Code code,
        String text,
        Map<Integer, String> lost,
        long admissionNumber,
        List<Member> admitted) {
    private static final int VERSION = 1;

    Vote {
        lost = Map.copyOf(lost);
        admitted = List.copyOf(admitted);
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeShort(VERSION);
            member.writeTo(out);
            out.writeLong(has);
            out.writeUTF(code.name());
            Texts.write(out, text);
            out.writeInt(lost.size());
            for (Map.Entry<Integer, String> entry : lost.entrySet()) {
                out.writeInt(entry.getKey());
                Texts.write(out, entry.getValue());
            }
            out.writeLong(admissionNumber);
            out.writeInt(admitted.size());
            for (Member each : admitted) {
                each.writeTo(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static Vote decode(byte[] bytes) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            int version = in.readUnsignedShort();
            if (version != VERSION) {
                throw new IOException("vote version=" + version + ", this build reads version=" + VERSION
                        + ": run the same spark-mooncake jar on every executor");
            }
            Member member = Member.readFrom(in);
            long has = in.readLong();
            Code code = Code.valueOf(in.readUTF());
            String text = Texts.read(in);
            Map<Integer, String> lost = new TreeMap<>();
            for (int left = in.readInt(); left > 0; left--) {
                lost.put(in.readInt(), Texts.read(in));
            }
            long number = in.readLong();
            List<Member> admitted = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                admitted.add(Member.readFrom(in));
            }
            return new Vote(member, has, code, text, lost, number, admitted);
        } catch (IOException | IllegalArgumentException e) {
            throw new IllegalStateException("unreadable vote of " + bytes.length + " bytes: " + e.getMessage(), e);
        }
    }
}
