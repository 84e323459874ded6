// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.link.LaneStream;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Requests of the service {@link RankEnds#NAME}. Big-endian: {@code u8 version 1 | u8 op | utf communicator | i64 epoch}, then
 *
 * <pre>
 *   1 open  i32 asking rank | i32 asked rank | i32 size | u8 stream | i32 slots | i32 slot bytes      answer: the lane's descriptor
 *   2 told  i32 n | n bytes of UTF-8: a verdict                                                       answer: nothing
 *   3 call  i32 asked rank | i32 size | i64 number of a call                                          answer: its description in UTF-8
 * </pre>
 */
sealed interface RankFrame {
    /** Version of requests and answers. */
    int VERSION = 1;

    /** Number of {@link Open}. */
    int OPEN = 1;

    /** Number of {@link Told}. */
    int TOLD = 2;

    /** Number of {@link Called}. */
    int CALLED = 3;

    /** Longest verdict. */
    int MAX_VERDICT_BYTES = 1 << 20;

    /** Asks a rank for its end of a lane. */
    record Open(Membership asked, int asker, LaneStream stream, int slots, int slotBytes) implements RankFrame {}

    /** Tells the ranks of a communicator why it broke. */
    record Told(String communicator, long epoch, String verdict) implements RankFrame {}

    /** Asks a rank what it called under a number. */
    record Called(Membership asked, long sequence) implements RankFrame {}

    static ByteBuffer encode(RankFrame frame) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(VERSION);
            if (frame instanceof Open open) {
                out.writeByte(OPEN);
                out.writeUTF(open.asked.communicator());
                out.writeLong(open.asked.epoch());
                out.writeInt(open.asker);
                out.writeInt(open.asked.rank());
                out.writeInt(open.asked.size());
                out.writeByte(open.stream.number());
                out.writeInt(open.slots);
                out.writeInt(open.slotBytes);
            } else if (frame instanceof Called called) {
                out.writeByte(CALLED);
                out.writeUTF(called.asked.communicator());
                out.writeLong(called.asked.epoch());
                out.writeInt(called.asked.rank());
                out.writeInt(called.asked.size());
                out.writeLong(called.sequence);
            } else if (frame instanceof Told told) {
                out.writeByte(TOLD);
                out.writeUTF(told.communicator);
                out.writeLong(told.epoch);
                byte[] text = told.verdict.getBytes(StandardCharsets.UTF_8);
                int length = Math.min(text.length, MAX_VERDICT_BYTES);
                out.writeInt(length);
                out.write(text, 0, length);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    static RankFrame decode(ByteBuffer request) throws TransferException {
        try (DataInputStream in = input(request)) {
            int version = in.readUnsignedByte();
            int op = in.readUnsignedByte();
            if (version != VERSION || op < OPEN || op > CALLED) {
                throw new IOException("version=" + version + " op=" + op);
            }
            String communicator = in.readUTF();
            long epoch = in.readLong();
            if (op == OPEN) {
                int asker = in.readInt();
                Membership asked = new Membership(communicator, epoch, in.readInt(), in.readInt());
                LaneStream stream = in.readUnsignedByte() == 0 ? LaneStream.COLLECTIVE : LaneStream.MAIL;
                return new Open(asked, asker, stream, in.readInt(), in.readInt());
            }
            if (op == CALLED) {
                return new Called(new Membership(communicator, epoch, in.readInt(), in.readInt()), in.readLong());
            }
            int length = in.readInt();
            if (length < 0 || length > MAX_VERDICT_BYTES) {
                throw new IOException("verdict bytes=" + length);
            }
            return new Told(communicator, epoch, new String(in.readNBytes(length), StandardCharsets.UTF_8));
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(
                    TransferException.Code.PROTOCOL, "unreadable request of ranks: " + e.getMessage(), e);
        }
    }

    static ByteBuffer encode(RegionDescriptor lane) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(VERSION);
            lane.writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    static RegionDescriptor decodeLane(ByteBuffer answer) throws TransferException {
        try (DataInputStream in = input(answer)) {
            int version = in.readUnsignedByte();
            if (version != VERSION) {
                throw new IOException("version=" + version);
            }
            return RegionDescriptor.readFrom(in);
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(TransferException.Code.PROTOCOL, "unreadable lane: " + e.getMessage(), e);
        }
    }

    private static DataInputStream input(ByteBuffer frame) {
        byte[] bytes = new byte[frame.remaining()];
        frame.duplicate().get(bytes);
        return new DataInputStream(new ByteArrayInputStream(bytes));
    }
}
