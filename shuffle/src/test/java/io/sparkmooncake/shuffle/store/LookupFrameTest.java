// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

final class LookupFrameTest {
    private static final LookupRequest REQUEST = new LookupRequest(7, 3, 12, new long[] {10, 1L << 40});

    @Test
    void decodesTheRequestThatItEncoded() throws IOException {
        LookupRequest decoded = LookupFrame.decodeRequest(LookupFrame.encode(REQUEST));
        assertThat(decoded.shuffleId()).isEqualTo(7);
        assertThat(decoded.startPartition()).isEqualTo(3);
        assertThat(decoded.endPartition()).isEqualTo(12);
        assertThat(decoded.mapIds()).containsExactly(10, 1L << 40);
    }

    @Test
    void refusesEveryTruncatedRequest() {
        ByteBuffer whole = LookupFrame.encode(REQUEST);
        for (int bytes = 0; bytes < whole.limit(); bytes++) {
            ByteBuffer cut = whole.duplicate().limit(bytes);
            assertThatThrownBy(() -> LookupFrame.decodeRequest(cut)).isInstanceOf(IOException.class);
        }
    }

    @Test
    void tellsHowMuchIsAskedForWithoutDecodingIt() {
        ByteBuffer request = LookupFrame.encode(REQUEST);
        assertThat(LookupFrame.pairs(request)).isEqualTo(18);
        assertThat(request.position()).isZero();
        assertThat(LookupFrame.pairs(request.duplicate().limit(16))).isZero();
        assertThat(LookupFrame.pairs(
                        LookupFrame.encode(new LookupRequest(7, 0, Integer.MAX_VALUE, new long[Short.MAX_VALUE]))))
                .isEqualTo((long) Integer.MAX_VALUE * Short.MAX_VALUE);
    }
}
