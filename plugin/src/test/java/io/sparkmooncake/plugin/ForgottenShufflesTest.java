// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.MapOutput.Encoding;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ForgottenShufflesTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @Test
    void whatTheDriverDoesNotKnowIsFreedAndADriverThatIsAwayIsAskedAgain(@TempDir Path directory) throws IOException {
        RegionPool none =
                RegionPool.files(List.of(directory), new RegionPool.Limits(1, 1, MINUTE), RegionListener.NONE);
        Deque<int[]> asked = new ArrayDeque<>();
        try (MapOutputStore store = new MapOutputStore(none, none, MINUTE, System::nanoTime);
                ForgottenShuffles shuffles = ForgottenShuffles.start("1", store, held -> {
                    asked.add(held);
                    if (asked.size() == 1) {
                        throw new IOException("the driver is away");
                    }
                    return new int[] {7};
                })) {
            shuffles.free();
            assertThat(asked).as("nothing is held, nothing is asked").isEmpty();

            store.commit(7, new MapOutput(1, Encoding.PLAIN, List.of()));
            store.commit(8, new MapOutput(2, Encoding.PLAIN, List.of()));
            shuffles.free();
            assertThat(store.stored()).containsOnlyKeys(7, 8);
            shuffles.free();
            assertThat(store.stored()).containsOnlyKeys(8);
            assertThat(asked.getLast()).containsExactlyInAnyOrder(7, 8);
        }
    }
}
