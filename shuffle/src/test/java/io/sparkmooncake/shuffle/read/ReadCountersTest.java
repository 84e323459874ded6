// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class ReadCountersTest {
    @Test
    void warnsOfEachPeerOnceAMinute() {
        AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5);
        ReadCounters counters = new ReadCounters(nanos::get);
        assertThat(counters.mayWarn("a")).isTrue();
        assertThat(counters.mayWarn("b")).isTrue();
        nanos.addAndGet(Duration.ofSeconds(59).toNanos());
        assertThat(counters.mayWarn("a")).isFalse();
        nanos.addAndGet(Duration.ofSeconds(1).toNanos());
        assertThat(counters.mayWarn("a")).isTrue();
        assertThat(counters.mayWarn("a")).isFalse();
    }
}
