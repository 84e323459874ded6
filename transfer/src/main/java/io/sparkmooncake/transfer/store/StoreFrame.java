// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.store.Look.Cursor;
import io.sparkmooncake.transfer.store.Look.Scope;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The layout of requests to the store and of its replies. Big-endian.
 *
 * <pre>
 *  request                                   reply
 *  0        2     3     4                    0        2     3     4            6
 *  +--------+-----+-----+-----------+        +--------+-----+-----+------------+-----------+
 *  | "MS"   | ver | op  | body ...  |        | "MS"   | ver | kind| pace u16 ms| body ...  |
 *  +--------+-----+-----+-----------+        +--------+-----+-----+------------+-----------+
 *
 *  text     u16 length | UTF-8               blob     i32 length | bytes
 *  value    i64 version | blob               optional u8 0 | u8 1, content
 *  query    u8 prefix | text | i64 read version | i64 floor version
 *  answer   u8 snapshot | i64 read | i64 floor | u8 more | i32 n | n changes
 *  change   u8 0 | text key | value          or  u8 1 | text key | i64 version | u8 owner gone | text reason
 *
 *  op 1 put      text key | blob             kind 1 number   i64
 *     2 claim    text key | blob | owner          2 found    optional value
 *     3 get      text key                         3 swapped  u8 done | optional value
 *     4 add      text key | i64                   4 looked   i32 n | n answers
 *     5 cas      text key | optional blob | blob  5 refused  text code | text message
 *     6 delete   text key
 *     7 delete   text prefix                 owner  text name | i64 epoch | text address
 *     8 leave    text name | i64 epoch | text reason
 *     9 poll     i32 n | n queries
 * </pre>
 */
final class StoreFrame {
    static final int MAGIC = 0x4D53;
    static final int VERSION = 2;

    private static final int MAX_TEXT_CHARS = 16_384;

    private StoreFrame() {}

    static byte[] encode(StoreRequest request) {
        return write(out -> {
            out.writeShort(MAGIC);
            out.writeByte(VERSION);
            if (request instanceof StoreRequest.Put put) {
                out.writeByte(1);
                writeText(out, put.key());
                writeBlob(out, put.value());
            } else if (request instanceof StoreRequest.Claim claim) {
                out.writeByte(2);
                writeText(out, claim.key());
                writeBlob(out, claim.value());
                writeText(out, claim.owner().name());
                out.writeLong(claim.owner().epoch());
                writeText(out, claim.owner().address());
            } else if (request instanceof StoreRequest.Get get) {
                out.writeByte(3);
                writeText(out, get.key());
            } else if (request instanceof StoreRequest.Add add) {
                out.writeByte(4);
                writeText(out, add.key());
                out.writeLong(add.delta());
            } else if (request instanceof StoreRequest.CompareAndSet swap) {
                out.writeByte(5);
                writeText(out, swap.key());
                writeOptional(out, swap.expected(), StoreFrame::writeBlob);
                writeBlob(out, swap.value());
            } else {
                encodeRest(out, request);
            }
        });
    }

    private static void encodeRest(DataOutputStream out, StoreRequest request) throws IOException {
        if (request instanceof StoreRequest.Delete delete) {
            out.writeByte(6);
            writeText(out, delete.key());
        } else if (request instanceof StoreRequest.DeletePrefix delete) {
            out.writeByte(7);
            writeText(out, delete.prefix());
        } else if (request instanceof StoreRequest.Leave leave) {
            out.writeByte(8);
            writeText(out, leave.name());
            out.writeLong(leave.epoch());
            writeText(out, leave.reason());
        } else if (request instanceof StoreRequest.Poll poll) {
            out.writeByte(9);
            out.writeInt(poll.queries().size());
            for (Look.Query query : poll.queries()) {
                out.writeBoolean(query.scope() == Scope.PREFIX);
                writeText(out, query.text());
                writeCursor(out, query.cursor());
            }
        } else {
            throw new IllegalStateException("request without an op: " + request);
        }
    }

    static StoreRequest decodeRequest(byte[] frame) throws TransferException {
        return read(frame, in -> {
            int op = in.unsignedByte();
            return switch (op) {
                case 1 -> new StoreRequest.Put(in.text(), readBlob(in));
                case 2 -> new StoreRequest.Claim(in.text(), readBlob(in), new Owner(in.text(), in.int64(), in.text()));
                case 3 -> new StoreRequest.Get(in.text());
                case 4 -> new StoreRequest.Add(in.text(), in.int64());
                case 5 ->
                    new StoreRequest.CompareAndSet(in.text(), readOptional(in, StoreFrame::readBlob), readBlob(in));
                case 6 -> new StoreRequest.Delete(in.text());
                case 7 -> new StoreRequest.DeletePrefix(in.text());
                case 8 -> new StoreRequest.Leave(in.text(), in.int64(), in.text());
                case 9 ->
                    new StoreRequest.Poll(readList(
                            in,
                            source -> new Look.Query(
                                    source.bool() ? Scope.PREFIX : Scope.KEY, source.text(), readCursor(source))));
                default -> throw new TransferException(Code.PROTOCOL, "store op=" + op + " is unknown");
            };
        });
    }

    static byte[] encode(StoreReply.Paced paced) {
        return write(out -> {
            out.writeShort(MAGIC);
            out.writeByte(VERSION);
            StoreReply reply = paced.reply();
            if (reply instanceof StoreReply.Count count) {
                writeKind(out, 1, paced);
                out.writeLong(count.number());
            } else if (reply instanceof StoreReply.Found found) {
                writeKind(out, 2, paced);
                writeOptional(out, found.value(), StoreFrame::writeValue);
            } else if (reply instanceof StoreReply.Swapped swapped) {
                writeKind(out, 3, paced);
                out.writeBoolean(swapped.swap().done());
                writeOptional(out, swapped.swap().current(), StoreFrame::writeValue);
            } else if (reply instanceof StoreReply.Looked looked) {
                writeKind(out, 4, paced);
                out.writeInt(looked.answers().size());
                for (Look.Answer answer : looked.answers()) {
                    writeAnswer(out, answer);
                }
            } else if (reply instanceof StoreReply.Refused refused) {
                writeKind(out, 5, paced);
                writeText(out, refused.code().name());
                writeText(out, refused.message());
            } else {
                throw new IllegalStateException("reply without a kind: " + reply);
            }
        });
    }

    static StoreReply.Paced decodeReply(byte[] frame) throws TransferException {
        return read(frame, in -> {
            int kind = in.unsignedByte();
            int paceMillis = in.unsignedShort();
            StoreReply reply = switch (kind) {
                case 1 -> new StoreReply.Count(in.int64());
                case 2 -> new StoreReply.Found(readOptional(in, StoreFrame::readValue));
                case 3 -> new StoreReply.Swapped(new Store.Swap(in.bool(), readOptional(in, StoreFrame::readValue)));
                case 4 -> new StoreReply.Looked(readList(in, StoreFrame::readAnswer));
                case 5 -> new StoreReply.Refused(Code.valueOf(in.text()), in.text());
                default -> throw new TransferException(Code.PROTOCOL, "store reply of kind=" + kind + " is unknown");
            };
            return new StoreReply.Paced(paceMillis, reply);
        });
    }

    private static void writeKind(DataOutputStream out, int kind, StoreReply.Paced paced) throws IOException {
        out.writeByte(kind);
        out.writeShort(paced.paceMillis());
    }

    private static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] bytes = (text.length() > MAX_TEXT_CHARS ? text.substring(0, MAX_TEXT_CHARS) : text).getBytes(UTF_8);
        out.writeShort(bytes.length);
        out.write(bytes);
    }

    private static void writeBlob(DataOutputStream out, Blob blob) throws IOException {
        out.writeInt(blob.sizeBytes());
        out.write(blob.borrowBytes());
    }

    private static Blob readBlob(FrameInput in) throws IOException {
        int length = in.int32();
        if (length < 0 || length > in.remaining()) {
            throw new EOFException("blob of " + length + " bytes in a frame with " + in.remaining() + " left");
        }
        return Blob.take(in.bytes(length));
    }

    private static void writeValue(DataOutputStream out, StoreValue value) throws IOException {
        out.writeLong(value.version());
        writeBlob(out, value.bytes());
    }

    private static StoreValue readValue(FrameInput in) throws IOException {
        return new StoreValue(in.int64(), readBlob(in));
    }

    private static void writeCursor(DataOutputStream out, Cursor cursor) throws IOException {
        out.writeLong(cursor.readVersion());
        out.writeLong(cursor.floorVersion());
    }

    private static Cursor readCursor(FrameInput in) throws IOException {
        return new Cursor(in.int64(), in.int64());
    }

    private static void writeAnswer(DataOutputStream out, Look.Answer answer) throws IOException {
        out.writeBoolean(answer.snapshot());
        writeCursor(out, answer.cursor());
        out.writeBoolean(answer.more());
        out.writeInt(answer.changes().size());
        for (Change change : answer.changes()) {
            writeChange(out, change);
        }
    }

    private static Look.Answer readAnswer(FrameInput in) throws IOException {
        return new Look.Answer(in.bool(), readCursor(in), in.bool(), readList(in, StoreFrame::readChange));
    }

    private static void writeChange(DataOutputStream out, Change change) throws IOException {
        if (change instanceof Change.Removed removed) {
            out.writeByte(1);
            writeText(out, removed.key());
            out.writeLong(removed.version());
            out.writeBoolean(removed.cause() == Change.Cause.OWNER_GONE);
            writeText(out, removed.reason());
        } else if (change instanceof Change.Present present) {
            out.writeByte(0);
            writeText(out, present.key());
            writeValue(out, present.value());
        }
    }

    private static Change readChange(FrameInput in) throws IOException {
        if (in.unsignedByte() == 0) {
            return new Change.Present(in.text(), readValue(in));
        }
        return new Change.Removed(
                in.text(), in.int64(), in.bool() ? Change.Cause.OWNER_GONE : Change.Cause.DELETED, in.text());
    }

    private static <T> void writeOptional(DataOutputStream out, Optional<T> value, Writer<T> writer)
            throws IOException {
        out.writeBoolean(value.isPresent());
        if (value.isPresent()) {
            writer.write(out, value.get());
        }
    }

    private static <T> Optional<T> readOptional(FrameInput in, Reader<T> reader) throws IOException {
        return in.bool() ? Optional.of(reader.read(in)) : Optional.empty();
    }

    private static <T> List<T> readList(FrameInput in, Reader<T> reader) throws IOException {
        int count = in.int32();
        if (count < 0 || count > in.remaining()) {
            throw new EOFException("list of " + count + " in a frame with " + in.remaining() + " bytes left");
        }
        List<T> list = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            list.add(reader.read(in));
        }
        return list;
    }

    private static byte[] write(Body body) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            body.write(out);
        } catch (IOException e) {
            throw new UncheckedIOException("a store frame could not be encoded", e);
        }
        return bytes.toByteArray();
    }

    private static <T> T read(byte[] frame, Reader<T> body) throws TransferException {
        try {
            FrameInput in = new FrameInput(frame);
            int magic = in.unsignedShort();
            int version = in.unsignedByte();
            if (magic != MAGIC || version != VERSION) {
                throw new TransferException(
                        Code.PROTOCOL,
                        "store frame magic=" + Integer.toHexString(magic) + " version=" + version
                                + ", this build speaks magic="
                                + Integer.toHexString(MAGIC) + " version=" + VERSION
                                + ": run the same spark-mooncake jar on driver and executors");
            }
            T decoded = body.read(in);
            if (in.remaining() > 0) {
                throw new IOException(in.remaining() + " bytes too many");
            }
            return decoded;
        } catch (TransferException e) {
            throw e;
        } catch (IOException | IllegalArgumentException | BufferUnderflowException e) {
            throw new TransferException(
                    Code.PROTOCOL, "unreadable store frame of " + frame.length + " bytes: " + e.getMessage(), e);
        }
    }

    private interface Body {
        void write(DataOutputStream out) throws IOException;
    }

    private interface Writer<T> {
        void write(DataOutputStream out, T value) throws IOException;
    }

    private interface Reader<T> {
        T read(FrameInput in) throws IOException;
    }
}
