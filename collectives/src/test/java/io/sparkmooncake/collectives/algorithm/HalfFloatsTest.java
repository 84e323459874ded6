// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.testing.SequentialReference;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class HalfFloatsTest {
    @Test
    void everyHalfHasTheValueOfItsDefinitionAndComesBack() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            short half = (short) bits;
            float value = HalfFloats.toFloat(half);
            // As int bits, of which all NaNs have the same.
            assertThat(Float.floatToIntBits(value)).isEqualTo(Float.floatToIntBits(SequentialReference.half(half)));
            short expected = Float.isNaN(value) ? 0x7e00 : half;
            assertThat(HalfFloats.fromFloat(value)).isEqualTo(expected);
        }
    }

    @Test
    void everyBrainFloatComesBack() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            short brain = (short) bits;
            float value = HalfFloats.brainToFloat(brain);
            short expected = Float.isNaN(value) ? 0x7fc0 : brain;
            assertThat(HalfFloats.brainFromFloat(value)).isEqualTo(expected);
        }
    }

    @Test
    void floatsAreRoundedToTheNearestAndTiesToEven() {
        Random random = new Random(3);
        for (int i = 0; i < 3_000_000; i++) {
            int bits = random.nextInt();
            // Half of them in the range of halves, a quarter of those halfway between two.
            if (i % 2 == 0) {
                bits = (bits & 0x80000000) | (0x32000000 + random.nextInt(0x16000000));
                bits = i % 8 == 0 ? (bits & ~0x1fff) | 0x1000 : bits;
            }
            float value = Float.intBitsToFloat(bits);
            assertThat(HalfFloats.fromFloat(value)).isEqualTo(SequentialReference.nearestHalf(value));
            assertThat(HalfFloats.brainFromFloat(value)).isEqualTo(SequentialReference.nearestBrain(value));
        }
        assertThat(HalfFloats.fromFloat(65_519.99f)).isEqualTo((short) 0x7bff);
        assertThat(HalfFloats.fromFloat(65_520f)).isEqualTo((short) 0x7c00);
        assertThat(HalfFloats.brainFromFloat(Float.intBitsToFloat(0x3f808000))).isEqualTo((short) 0x3f80);
        assertThat(HalfFloats.brainFromFloat(Float.intBitsToFloat(0x3f818000))).isEqualTo((short) 0x3f82);
    }
}
