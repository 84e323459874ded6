// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.Blocks;
import org.jspecify.annotations.Nullable;

/**
 * Blocks of one count, kept so that a loop that calls with the same few counts makes none. Counts that fall into one slot replace
 * each other. Threading: the caller's, one at a time.
 */
final class EvenBlocks {
    private static final int SLOTS = 64;

    private final int size;
    private final @Nullable Blocks[] known = new Blocks[SLOTS];

    EvenBlocks(int size) {
        this.size = size;
    }

    Blocks of(long count) {
        int slot = (int) ((count * 0x9e3779b97f4a7c15L) >>> 58);
        Blocks blocks = known[slot];
        if (blocks == null || blocks.count(0) != count) {
            blocks = Blocks.even(size, count);
            known[slot] = blocks;
        }
        return blocks;
    }
}
