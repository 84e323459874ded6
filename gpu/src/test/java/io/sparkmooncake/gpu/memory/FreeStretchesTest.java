// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class FreeStretchesTest {
    @Test
    void takesTheFirstThatIsLongEnough() {
        FreeStretches free = new FreeStretches(100);
        assertThat(free.take(60, 1)).isZero();
        assertThat(free.take(60, 1)).isEqualTo(-1);
        assertThat(free.take(40, 1)).isEqualTo(60);
        assertThat(free.freeBytes()).isZero();
    }

    @Test
    void leavesWhatIsBesideAnAlignedPlace() {
        FreeStretches free = new FreeStretches(1_000);
        assertThat(free.take(10, 1)).isZero();
        assertThat(free.take(100, 256)).isEqualTo(256);
        assertThat(free.take(246, 1)).isEqualTo(10);
        assertThat(free.freeBytes()).isEqualTo(644);
    }

    @Test
    void joinsWhatIsGivenBackInAnyOrder() {
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(seed);
            FreeStretches free = new FreeStretches(10_000);
            List<long[]> taken = new ArrayList<>();
            for (long offset = 0; offset >= 0; ) {
                long bytes = 1L + random.nextInt(300);
                offset = free.take(bytes, 1 + random.nextInt(64));
                if (offset >= 0) {
                    taken.add(new long[] {offset, bytes});
                }
            }
            Collections.shuffle(taken, random);
            taken.forEach(each -> free.give(each[0], each[1]));
            assertThat(free.longest()).isEqualTo(10_000);
            assertThat(free.freeBytes()).isEqualTo(10_000);
        }
    }
}
