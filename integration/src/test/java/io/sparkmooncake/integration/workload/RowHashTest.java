// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class RowHashTest {

    @Test
    void everyBitOfEveryByteCounts() {
        for (int length : new int[] {1, 7, 8, 10, 90, 100}) {
            byte[] bytes = RandomBytes.copy(length, length);
            Set<Long> hashes = new HashSet<>(Set.of(RowHash.hash(0, bytes)));
            for (int bit = 0; bit < length * Byte.SIZE; bit++) {
                bytes[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
                assertThat(hashes.add(RowHash.hash(0, bytes)))
                        .as("length %d, bit %d", length, bit)
                        .isTrue();
                bytes[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
            }
        }
    }

    @Test
    void tellsTheSameBytesAtAnotherPlaceApart() {
        assertThat(RowHash.hash(0, new byte[] {1, 0})).isNotEqualTo(RowHash.hash(0, new byte[] {0, 1}));
        assertThat(RowHash.hash(0, new byte[8])).isNotEqualTo(RowHash.hash(0, new byte[9]));
        assertThat(RowHash.hash(1, new byte[8])).isNotEqualTo(RowHash.hash(2, new byte[8]));
    }
}
