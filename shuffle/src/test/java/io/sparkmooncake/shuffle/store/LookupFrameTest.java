// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

final class LookupFrameTest {
    @Test
    void tellsHowMuchIsAskedForWithoutDecodingIt() {
        ByteBuffer request = LookupFrame.encode(new LookupRequest(7, 3, 12, new long[] {10, 1L << 40}));
        assertThat(LookupFrame.pairs(request)).isEqualTo(18);
        assertThat(request.position()).isZero();
        assertThat(LookupFrame.pairs(request.duplicate().limit(16))).isZero();
        LookupRequest huge = new LookupRequest(7, 0, Integer.MAX_VALUE, new long[Short.MAX_VALUE]);
        assertThat(LookupFrame.pairs(LookupFrame.encode(huge))).isEqualTo((long) Integer.MAX_VALUE * Short.MAX_VALUE);
    }
}
