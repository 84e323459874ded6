// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import org.jspecify.annotations.Nullable;

/**
 * Head of a frame on a data connection, big-endian.
 *
 * <pre>
 *   0      1         2      4         8            16          24
 *   +------+---------+------+---------+------------+-----------+--------------------+
 *   | kind | refusal |  0   | count   | request id | bytes     | columns or body    |
 *   +------+---------+------+---------+------------+-----------+--------------------+
 *
 *   READ     caller to owner    count entries, bytes of {@link EntryColumns} follow
 *   WRITE    caller to owner    the same; the previous WRITE's bodies have all been sent, or were cancelled
 *   BODY     either way         bytes of the request's entries follow, going on in entry order where the last BODY ended
 *   ENDED    owner to caller    the next count entries ended like this; one that had begun ends here; bytes=region size
 *   CANCEL   caller to owner    no more bodies are wanted (READ) or will come (WRITE); every entry not ended ends CANCELLED
 * </pre>
 *
 * <p>A READ's entry is done when its last byte came, a WRITE's when ENDED says so. Requests are answered in the order in
 * which they were made, READs and WRITEs each.
 *
 * @param kind what it is
 * @param refusal ENDED only
 * @param count entries
 * @param requestId chosen by the caller
 * @param bytes what follows, or a detail
 */
record DataFrame(Kind kind, Refusal refusal, int count, long requestId, long bytes) {
    static final int HEAD_BYTES = 24;

    /** Longest BODY. */
    static final long MAX_BODY_BYTES = 16L << 20;

    /** Kinds of frames; codes are append-only. */
    enum Kind {
        READ(1),
        WRITE(2),
        BODY(3),
        ENDED(4),
        CANCEL(5);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        static @Nullable Kind of(int code) {
            for (Kind kind : values()) {
                if (kind.code == code) {
                    return kind;
                }
            }
            return null;
        }
    }

    static DataFrame body(long requestId, long bytes) {
        return new DataFrame(Kind.BODY, Refusal.NONE, 0, requestId, bytes);
    }

    static DataFrame ended(Refusal refusal, int count, long requestId, long regionBytes) {
        return new DataFrame(Kind.ENDED, refusal, count, requestId, regionBytes);
    }

    static DataFrame cancel(long requestId) {
        return new DataFrame(Kind.CANCEL, Refusal.NONE, 0, requestId, 0);
    }

    /** Returns how many bytes of columns follow the head. */
    int columnBytes() {
        return kind == Kind.READ || kind == Kind.WRITE ? (int) bytes : 0;
    }

    /** Returns how many bytes of body follow the head. */
    long bodyBytes() {
        return kind == Kind.BODY ? bytes : 0;
    }

    void writeTo(ByteBuf out) {
        out.writeByte(kind.code)
                .writeByte(refusal.code())
                .writeShort(0)
                .writeInt(count)
                .writeLong(requestId)
                .writeLong(bytes);
    }

    /** Reads the head at the reader index, where {@link #HEAD_BYTES} are readable. */
    static DataFrame readFrom(ByteBuf in) throws TransferException {
        int code = in.readByte();
        Refusal refusal = Refusal.of(in.readByte());
        in.skipBytes(2);
        int count = in.readInt();
        long requestId = in.readLong();
        long bytes = in.readLong();
        Kind kind = Kind.of(code);
        if (kind == null || refusal == null || count < 0 || bytes < 0 || bytes > limit(kind)) {
            throw new TransferException(
                    Code.PROTOCOL,
                    "data frame kind=" + code + " count=" + Integer.toUnsignedString(count) + " bytes="
                            + Long.toUnsignedString(bytes) + (kind == null ? "" : " limit=" + limit(kind))
                            + " is none of ours");
        }
        return new DataFrame(kind, refusal, count, requestId, bytes);
    }

    private static long limit(Kind kind) {
        return switch (kind) {
            case READ, WRITE -> EntryColumns.MAX_BYTES;
            case BODY -> MAX_BODY_BYTES;
            case ENDED, CANCEL -> Long.MAX_VALUE;
        };
    }
}
