// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.Arrays;

/**
 * The blocks of one host's ranks, out of those of all ranks, next to each other: where they are anyway when these ranks follow each
 * other, or else in memory of the heap. Threading: the rank's own.
 */
final class HostBlocks {
    private final int[] members;
    private final Blocks all;
    private final Blocks host;
    private final Elements whole;
    private final Elements joined;
    private final boolean inPlace;

    /** Finds the blocks of the members in a vector that is cut for all ranks. */
    HostBlocks(int[] members, Elements whole, Blocks all) {
        this.members = members;
        this.all = all;
        this.whole = whole;
        this.host = Blocks.of(Arrays.stream(members).mapToLong(all::count).toArray());
        this.inPlace = members[members.length - 1] - members[0] == members.length - 1;
        this.joined = inPlace
                ? whole.slice(all.start(members[0]), host.total())
                : Elements.allocate(whole.type(), Math.toIntExact(host.total()));
    }

    /** Returns how the joined blocks are cut. */
    Blocks blocks() {
        return host;
    }

    /** Returns the memory of the joined blocks. */
    Elements joined() {
        return joined;
    }

    /** Copies the blocks from the vector of all ranks into the joined ones. */
    HostBlocks load() {
        for (int i = 0; i < members.length && !inPlace; i++) {
            whole.copyTo(all.start(members[i]), joined, host.start(i), host.count(i));
        }
        return this;
    }

    /** Copies the joined blocks to their places in the vector of all ranks. */
    void store() {
        for (int i = 0; i < members.length && !inPlace; i++) {
            joined.copyTo(host.start(i), whole, all.start(members[i]), host.count(i));
        }
    }
}
