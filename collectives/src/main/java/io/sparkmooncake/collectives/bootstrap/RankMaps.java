// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.store.Blob;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Whose memory each rank says it maps. A rank publishes that as {@code i32 n | n × i32 rank}, in order; everybody reads that of
 * everybody.
 *
 * <p>Threading: whoever holds the lock of {@link RankBoard}; read only once all have said it.
 */
final class RankMaps {
    private final @Nullable RankSet[] mapped;

    /** Ranks in ascending order. */
    private static final class RankSet {
        private final int[] ranks;

        RankSet(int... ranks) {
            this.ranks = ranks;
        }

        boolean contains(int rank) {
            return Arrays.binarySearch(ranks, rank) >= 0;
        }
    }

    RankMaps(int size) {
        mapped = new RankSet[size];
    }

    void put(int rank, Blob published) throws TransferException {
        int[] ranks = decode(published.toBytes());
        if (rank >= 0 && rank < mapped.length) { // the record of any other rank is refused
            mapped[rank] = new RankSet(ranks);
        }
    }

    boolean isKnown(int rank) {
        return mapped[rank] != null;
    }

    /** Tells whether each of both maps the other's memory. */
    boolean both(RankRecord one, RankRecord other) {
        return one.process().isSameProcess(other.process())
                || (maps(one.rank(), other.rank()) && maps(other.rank(), one.rank()));
    }

    private boolean maps(int rank, int other) {
        RankSet ranks = mapped[rank];
        return ranks != null && ranks.contains(other);
    }

    static Blob encode(int... ranks) {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * (1 + ranks.length));
        bytes.putInt(ranks.length);
        Arrays.stream(ranks).sorted().forEach(bytes::putInt);
        return Blob.of(bytes.array());
    }

    static int[] decode(byte[] encoded) throws TransferException {
        ByteBuffer bytes = ByteBuffer.wrap(encoded);
        int count = encoded.length < Integer.BYTES ? -1 : bytes.getInt();
        if (count < 0 || bytes.remaining() != (long) count * Integer.BYTES) {
            throw new TransferException(
                    TransferException.Code.PROTOCOL, "unreadable list of ranks of " + encoded.length + " bytes");
        }
        int[] ranks = new int[count];
        bytes.asIntBuffer().get(ranks);
        return ranks;
    }
}
