// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class SamplesTest {

    @Test
    void ratioIsOursByThePeersMedian() {
        Samples samples = new Samples(List.of(9.0, 1.0, 2.0), List.of(8.0, 2.0, 100.0, 0.0));

        assertThat(samples.oursMedian()).isEqualTo(2);
        assertThat(samples.peerMedian()).isEqualTo(5);
        assertThat(samples.ratio()).isEqualTo(0.4);
    }

    @Test
    void hasNoRatioToNothing() {
        assertThat(new Samples(List.of(1.0), List.of(0.0)).ratio()).isNaN();
    }
}
