// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import io.sparkmooncake.transfer.memory.HostRegion;
import java.util.List;
import java.util.Objects;

/**
 * Elements of a region that are more than one buffer can show: stretches of 1 GiB each, but for the last. Threading: see
 * {@link Elements}.
 *
 * @param pieces the stretches, of one type
 * @param first element of the first stretch with which this view begins
 * @param count number of elements
 */
record RegionElements(List<ContiguousElements> pieces, long first, long count) implements Elements {
    RegionElements {
        pieces = List.copyOf(pieces);
    }

    static Elements view(HostRegion region, long offsetBytes, long count, DataType type) {
        long bytes = Math.multiplyExact(count, type.sizeBytes());
        Objects.checkFromIndexSize(offsetBytes, bytes, region.sizeBytes());
        if (bytes <= HostRegion.MAX_SLICE_BYTES) {
            return ContiguousElements.view(region.slice(offsetBytes, (int) bytes), type);
        }
        int pieces = Math.toIntExact((bytes + HostRegion.MAX_SLICE_BYTES - 1) / HostRegion.MAX_SLICE_BYTES);
        ContiguousElements[] all = new ContiguousElements[pieces];
        for (int i = 0; i < pieces; i++) {
            long at = (long) i * HostRegion.MAX_SLICE_BYTES;
            int length = (int) Math.min(HostRegion.MAX_SLICE_BYTES, bytes - at);
            all[i] = ContiguousElements.view(region.slice(offsetBytes + at, length), type);
        }
        return new RegionElements(List.of(all), 0, count);
    }

    private int perPiece() {
        return HostRegion.MAX_SLICE_BYTES / type().sizeBytes();
    }

    @Override
    public DataType type() {
        return pieces.get(0).type();
    }

    @Override
    public ContiguousElements piece(long index) {
        return pieces.get((int) ((first + index) / perPiece()));
    }

    @Override
    public int within(long index) {
        return (int) ((first + index) % perPiece());
    }

    @Override
    public Elements slice(long from, long count) {
        Objects.checkFromIndexSize(from, count, this.count);
        boolean oneStretch = count > 0 && (first + from) / perPiece() == (first + from + count - 1) / perPiece();
        if (oneStretch) {
            return piece(from).slice(within(from), count);
        }
        return new RegionElements(pieces, first + from, count);
    }
}
