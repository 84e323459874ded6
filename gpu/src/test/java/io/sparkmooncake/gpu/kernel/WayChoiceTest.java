// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.gpu.kernel.Way.Method;
import org.junit.jupiter.api.Test;

final class WayChoiceTest {
    /** Lines beyond the buffer of a rank would be written over those of the next one. */
    @Test
    void linesNeverExceedTheBufferOfARank() {
        for (int ranks = 2; ranks <= 128; ranks++) {
            for (long bytes = 1; bytes <= 1L << 31; bytes = bytes * 3 / 2 + 1) {
                assertThat(linesOf(WayChoice.allReduce(bytes, ranks), bytes)).isLessThanOrEqualTo(131_072);
                assertThat(linesOf(WayChoice.broadcast(bytes, ranks), bytes)).isLessThanOrEqualTo(131_072);
                assertThat(linesOf(WayChoice.exchange(bytes, ranks), bytes / ranks))
                        .isLessThanOrEqualTo(131_072);
                assertThat(linesOf(WayChoice.reduceScatter(bytes, ranks), bytes / ranks))
                        .isLessThanOrEqualTo(131_072);
            }
        }
    }

    private static long linesOf(Way way, long bytes) {
        return way.method() == Method.LINES ? (bytes + 7) / 8 : 0;
    }

    @Test
    void slicesForCopyEnginesAreWhole() {
        assertThat(WayChoice.allReduce((1L << 30) + 4, 4).method()).isEqualTo(Method.STAGED);
        assertThat(WayChoice.allReduce(1L << 30, 4).method()).isEqualTo(Method.ENGINES);
    }

    @Test
    void ranksOfOneDeviceShareItsBlocks() {
        assertThat(WayChoice.allReduce(64 << 20, 4).shared(4).grid()).isEqualTo(66);
    }
}
