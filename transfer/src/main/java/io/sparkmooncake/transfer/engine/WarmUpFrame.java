// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The layout of the warm-up's requests and answers on the control channel. Big-endian. The epoch that the caller believes the
 * answering process to have is in every request, so that a message meant for an earlier life is refused.
 *
 * <pre>
 *  request   u8 version | u8 op | i64 epoch of the answering process | body
 *    op 2 grant    u8 paths                             answer: i64 ticket | u8 n | n × (descriptor | i64 offset | word)
 *    op 3 confirm  i64 ticket | u8 n | n × word         answer: u8 n | n × word that the slot holds
 *    op 4 abandon  i64 ticket                           answer: -
 *  word      i64 epoch | i64 sequence
 * </pre>
 */
final class WarmUpFrame {
    static final int VERSION = 1;
    static final int GRANT = 2;
    static final int CONFIRM = 3;
    static final int ABANDON = 4;

    private WarmUpFrame() {}

    /**
     * A request of any op.
     *
     * @param op one of the constants
     * @param epoch of the process that shall answer
     * @param ticket of the grant, 0 where there is none yet
     * @param paths number of slots asked for
     * @param words that were written, one per path
     */
    record Request(int op, long epoch, long ticket, int paths, List<Word> words) {
        public Request {
            words = List.copyOf(words);
        }

        static Request grant(long epoch, int paths) {
            return new Request(GRANT, epoch, 0, paths, List.of());
        }

        static Request confirm(long epoch, long ticket, List<Word> words) {
            return new Request(CONFIRM, epoch, ticket, 0, words);
        }

        static Request abandon(long epoch, long ticket) {
            return new Request(ABANDON, epoch, ticket, 0, List.of());
        }
    }

    /**
     * A slot of the answering process.
     *
     * @param region that holds it
     * @param offset of its first byte
     * @param word that it holds now
     */
    record RemoteSlot(RegionDescriptor region, long offset, Word word) {}

    /**
     * Slots for one attempt.
     *
     * @param ticket to confirm or abandon
     * @param slots one per path
     */
    record Grant(long ticket, List<RemoteSlot> slots) {
        public Grant {
            slots = List.copyOf(slots);
        }
    }

    static ByteBuffer encode(Request request) {
        return write(out -> {
            out.writeByte(VERSION);
            out.writeByte(request.op);
            out.writeLong(request.epoch);
            if (request.op == GRANT) {
                out.writeByte(request.paths);
            } else if (request.op == CONFIRM) {
                out.writeLong(request.ticket);
                writeWords(out, request.words);
            } else if (request.op == ABANDON) {
                out.writeLong(request.ticket);
            }
        });
    }

    static Request decodeRequest(ByteBuffer frame) throws TransferException {
        return read(frame, in -> {
            int version = in.readUnsignedByte();
            int op = in.readUnsignedByte();
            if (version != VERSION || op < GRANT || op > ABANDON) {
                throw new TransferException(
                        Code.PROTOCOL,
                        "warm-up request version=" + version + " op=" + op + ", this build speaks version=" + VERSION
                                + ": run the same spark-mooncake jar on every executor");
            }
            long epoch = in.readLong();
            int paths = op == GRANT ? in.readUnsignedByte() : 0;
            long ticket = op == CONFIRM || op == ABANDON ? in.readLong() : 0;
            return new Request(op, epoch, ticket, paths, op == CONFIRM ? readWords(in) : List.of());
        });
    }

    static ByteBuffer encode(Grant grant) {
        return write(out -> {
            out.writeLong(grant.ticket);
            out.writeByte(grant.slots.size());
            for (RemoteSlot slot : grant.slots) {
                slot.region.writeTo(out);
                out.writeLong(slot.offset);
                writeWord(out, slot.word);
            }
        });
    }

    static Grant decodeGrant(ByteBuffer frame) throws TransferException {
        return read(frame, in -> {
            long ticket = in.readLong();
            int count = in.readUnsignedByte();
            List<RemoteSlot> slots = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                slots.add(new RemoteSlot(RegionDescriptor.readFrom(in), in.readLong(), readWord(in)));
            }
            return new Grant(ticket, slots);
        });
    }

    static ByteBuffer encode(List<Word> words) {
        return write(out -> writeWords(out, words));
    }

    static List<Word> decodeWords(ByteBuffer frame) throws TransferException {
        return read(frame, WarmUpFrame::readWords);
    }

    private static void writeWords(DataOutputStream out, List<Word> words) throws IOException {
        out.writeByte(words.size());
        for (Word word : words) {
            writeWord(out, word);
        }
    }

    private static List<Word> readWords(DataInputStream in) throws IOException {
        int count = in.readUnsignedByte();
        List<Word> words = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            words.add(readWord(in));
        }
        return words;
    }

    private static void writeWord(DataOutputStream out, Word word) throws IOException {
        out.writeLong(word.epoch());
        out.writeLong(word.sequence());
    }

    private static Word readWord(DataInputStream in) throws IOException {
        return new Word(in.readLong(), in.readLong());
    }

    private static ByteBuffer write(Body body) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            body.write(out);
        } catch (IOException e) {
            throw new UncheckedIOException("a warm-up frame could not be encoded", e);
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    private static <T> T read(ByteBuffer frame, Reader<T> body) throws TransferException {
        byte[] bytes = new byte[frame.remaining()];
        frame.duplicate().get(bytes);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            T decoded = body.read(in);
            if (in.available() > 0) {
                throw new EOFException(in.available() + " bytes too many");
            }
            return decoded;
        } catch (TransferException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(
                    Code.PROTOCOL, "unreadable warm-up frame of " + bytes.length + " bytes: " + e.getMessage(), e);
        }
    }

    private interface Body {
        void write(DataOutputStream out) throws IOException;
    }

    private interface Reader<T> {
        T read(DataInputStream in) throws IOException;
    }
}
