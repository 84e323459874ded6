// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class BlocksTest {
    @Test
    void cutsWithoutGaps() {
        Blocks blocks = Blocks.of(3, 0, 4);
        assertThat(blocks.size()).isEqualTo(3);
        assertThat(blocks.total()).isEqualTo(7);
        assertThat(blocks.longest()).isEqualTo(4);
        assertThat(blocks.start(1)).isEqualTo(3);
        assertThat(blocks.count(1)).isZero();
        assertThat(blocks.start(2)).isEqualTo(3);
        assertThat(blocks).hasToString("[3, 0, 4]");
    }

    @Test
    void blocksOfOneCountAreTheSameHoweverTheyWereMade() {
        Blocks even = Blocks.even(1_000, 1L << 40);
        assertThat(even.total()).isEqualTo(1_000L << 40);
        assertThat(even).hasToString("1000 x 1099511627776");
        assertThat(Blocks.of(5, 5)).isEqualTo(Blocks.even(2, 5)).hasSameHashCodeAs(Blocks.even(2, 5));
        assertThat(Blocks.of(5, 5).shape()).isZero();
        assertThat(Blocks.of(5, 5)).isNotEqualTo(Blocks.even(2, 6)).isNotEqualTo(Blocks.even(3, 5));
    }

    @Test
    void blocksOfOtherCountsHaveAnotherShape() {
        assertThat(Blocks.of(1, 2, 3)).isEqualTo(Blocks.of(1, 2, 3)).isNotEqualTo(Blocks.of(1, 3, 2));
        assertThat(Blocks.of(1, 2, 3).shape())
                .isNotZero()
                .isNotEqualTo(Blocks.of(1, 3, 2).shape());
    }

    @Test
    void refusesWhatIsNoCut() {
        assertThatThrownBy(() -> Blocks.of(1, -1)).hasMessage("block=1 has count=-1, least is 0");
        assertThatThrownBy(() -> Blocks.even(2, -1)).hasMessage("size=2 blocks of count=-1, least is 0");
        assertThatThrownBy(() -> Blocks.even(2, Long.MAX_VALUE)).isInstanceOf(ArithmeticException.class);
        assertThatThrownBy(() -> Blocks.of(Long.MAX_VALUE, 1)).isInstanceOf(ArithmeticException.class);
    }
}
