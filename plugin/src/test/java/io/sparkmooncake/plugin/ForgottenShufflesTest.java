// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.spark.MapOutputTrackerMaster;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.scheduler.MapStatus$;
import org.apache.spark.storage.BlockManagerId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ForgottenShufflesTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private final AtomicLong nanos = new AtomicLong();

    /** A driver that knows what a test lets it know. */
    private static final class KnownMaps implements ForgottenShuffles.Driver {
        private final Set<Integer> shuffles = ConcurrentHashMap.newKeySet();
        private final Set<Long> maps = ConcurrentHashMap.newKeySet();
        private final List<int[]> asked = new ArrayList<>();
        private final List<Long> askedMaps = new ArrayList<>();
        private boolean away;

        @Override
        public int[] forgotten(int[] held) throws IOException {
            asked.add(held);
            if (away) {
                throw new IOException("the driver is away");
            }
            return IntStream.of(held).filter(id -> !shuffles.contains(id)).toArray();
        }

        @Override
        public long[] forgotten(long[] held) throws IOException {
            LongStream.of(held).skip(1).forEach(askedMaps::add);
            return LongStream.concat(
                            LongStream.of(held[0]), LongStream.of(held).skip(1).filter(id -> !maps.contains(id)))
                    .toArray();
        }
    }

    private MapOutputStore store(Path directory) {
        RegionPool none =
                RegionPool.files(List.of(directory), new RegionPool.Limits(1, 1, MINUTE), RegionListener.NONE);
        return new MapOutputStore(none, none, MINUTE, nanos::get);
    }

    private static void commit(MapOutputStore store, int shuffleId, long mapId) {
        store.commit(shuffleId, new MapOutput(mapId, List.of()));
    }

    @Test
    void whatTheDriverDoesNotKnowIsFreedAndADriverThatIsAwayIsAskedAgain(@TempDir Path directory) {
        KnownMaps driver = new KnownMaps();
        driver.away = true;
        driver.shuffles.add(8);
        try (MapOutputStore store = store(directory);
                ForgottenShuffles shuffles = ForgottenShuffles.start("1", store, driver)) {
            shuffles.free();
            assertThat(driver.asked).as("nothing is held, nothing is asked").isEmpty();

            commit(store, 7, 1);
            commit(store, 8, 2);
            shuffles.free();
            assertThat(store.stored()).containsOnlyKeys(7, 8);
            driver.away = false;
            shuffles.free();
            assertThat(store.stored()).containsOnlyKeys(8);
            assertThat(driver.asked.get(1)).containsExactlyInAnyOrder(7, 8);
        }
    }

    @Test
    void aMapOutputThatTheDriverDoesNotKnowTwiceIsFreed(@TempDir Path directory) {
        KnownMaps driver = new KnownMaps();
        driver.shuffles.add(7);
        driver.maps.add(1L);
        try (MapOutputStore store = store(directory);
                ForgottenShuffles shuffles = ForgottenShuffles.start("1", store, driver)) {
            commit(store, 7, 1);
            commit(store, 7, 2);
            commit(store, 7, 3);
            shuffles.free();
            shuffles.free();
            assertThat(store.stored().get(7)).as("all are young").containsExactlyInAnyOrder(1L, 2L, 3L);

            nanos.addAndGet(Duration.ofMinutes(2).toNanos());
            commit(store, 7, 4);
            shuffles.free();
            assertThat(store.stored().get(7)).as("asked once").containsExactlyInAnyOrder(1L, 2L, 3L, 4L);
            driver.maps.add(3L);
            shuffles.free();
            assertThat(store.stored().get(7))
                    .as("2 was forgotten, 3 is known after all, 4 is young")
                    .containsExactlyInAnyOrder(1L, 3L, 4L);

            driver.maps.remove(3L);
            driver.askedMaps.clear();
            while (driver.askedMaps.isEmpty()) {
                shuffles.free();
            }
            assertThat(driver.askedMaps).as("all of them, after a while").containsExactlyInAnyOrder(1L, 3L);
            driver.away = true;
            shuffles.free();
            assertThat(store.stored().get(7)).containsExactlyInAnyOrder(1L, 3L, 4L);
            driver.away = false;
            driver.askedMaps.clear();
            shuffles.free();
            assertThat(driver.askedMaps).as("1 is known").containsExactly(3L);
            assertThat(store.stored().get(7)).containsExactlyInAnyOrder(1L, 4L);
        }
    }

    /** With Spark's own tracker. */
    @Test
    void theDriverKnowsTheOutputsThatItsTrackerNames() {
        SparkConf conf = new SparkConf()
                .setMaster("local[1]")
                .setAppName("forgotten")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.bindAddress", "127.0.0.1")
                .set("spark.driver.host", "127.0.0.1");
        SparkContext context = new SparkContext(conf);
        try {
            MapOutputTrackerMaster tracker =
                    (MapOutputTrackerMaster) SparkEnv.get().mapOutputTracker();
            tracker.registerShuffle(5, 3, 2);
            BlockManagerId here = BlockManagerId.apply("1", "here", 1, scala.Option.empty());
            tracker.registerMapOutput(5, 0, MapStatus$.MODULE$.apply(here, new long[] {1, 1}, 100, 0));
            tracker.registerMapOutput(5, 2, MapStatus$.MODULE$.apply(here, new long[] {1, 1}, 102, 0));
            assertThat(ForgottenShuffles.among(new long[] {5, 100, 101, 102}))
                    .as("the end of the task that is missing may not be handled yet")
                    .containsExactly(5);
            tracker.registerMapOutput(5, 1, MapStatus$.MODULE$.apply(here, new long[] {1, 1}, 104, 0));
            assertThat(new MooncakeDriver().receive(new long[] {5, 103, 102, 100, 101}))
                    .as("an array of the JDK, which every class loader has")
                    .isEqualTo(new long[] {5, 101, 103});
            tracker.unregisterMapOutput(5, 2, here);
            assertThat(ForgottenShuffles.among(new long[] {5, 100, 102})).containsExactly(5);
            assertThat(ForgottenShuffles.among(new long[] {6, 1})).containsExactly(6);
            assertThat(new MooncakeDriver().receive(new int[] {5, 6})).isEqualTo(new int[] {6});
        } finally {
            context.stop();
        }
    }
}
