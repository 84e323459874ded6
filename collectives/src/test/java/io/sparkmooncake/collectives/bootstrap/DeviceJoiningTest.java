// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import io.sparkmooncake.transfer.memory.Location;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Ranks that were assigned devices where there are none; those of machines that have them are checked by integration/gpu/run. */
final class DeviceJoiningTest {
    private static final DeviceElements FAR =
            new DeviceElements(DataType.FLOAT64, 2, 4096, new Location(Location.Kind.CUDA, 0));

    @Test
    void ranksWithoutDevicesStayOnTheHostAndRefuseMemoryOfDevicesNamingWhoHasNone() throws Exception {
        try (RankProcesses processes =
                new RankProcesses(2, new Rendezvous.Options(Duration.ofSeconds(20), 1_024), Map.of())) {
            List<String> refusals = both(processes, ranks -> {
                assertThat(ranks.deviceMemory().isAvailable()).isFalse();
                String cause = ranks.deviceMemory().unavailabilityCause();
                assertThatThrownBy(() -> ranks.allReduce(FAR, FAR, ReduceOp.SUM))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("this communicator takes no memory of a device: " + cause
                                + ". Copy the elements to the host");
                assertThatThrownBy(() -> ranks.broadcast(FAR, 0)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> ranks.deviceMemory().allocate(DataType.FLOAT64, 2))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining(cause);
                double[] numbers = {ranks.membership().rank(), 1};
                ranks.allReduce(Elements.of(numbers), Elements.of(numbers), ReduceOp.SUM);
                assertThat(numbers).containsExactly(1, 2);
                return cause;
            });
            assertThat(refusals)
                    .containsOnly("2 of 2 ranks cannot use a device: rank 0: this process gives its ranks no devices;"
                            + " rank 1: this process gives its ranks no devices");
        }
    }

    private static String refusal(String... marks) {
        List<DeviceJoining.Place> places = Stream.of(marks)
                .map(mark -> new DeviceJoining.Place(mark, mark.equals("none") ? "no driver" : ""))
                .toList();
        return DeviceJoining.refusal(places, DeviceJoining.byHost(places));
    }

    @Test
    void hostsJoinWithAsManyRanksEach() {
        assertThat(refusal("a", "a", "a")).isEmpty();
        assertThat(refusal("a", "b", "a", "b")).isEmpty();
        assertThat(refusal("a", "b", "a"))
                .isEqualTo(
                        "devices of several hosts join where each host has as many ranks as the others, and these are"
                                + " ranks=[[0, 2], [1]]");
        assertThat(refusal("a", "", "a"))
                .isEqualTo("1 of 3 ranks cannot use a device: rank 1: path shm is off, so ranks of one host do not know"
                        + " each other");
        assertThat(refusal(Stream.generate(() -> "none").limit(20).toArray(String[]::new)))
                .startsWith("20 of 20 ranks cannot use a device: rank 0: no driver; rank 1: no driver")
                .endsWith("rank 15: no driver; and 4 more");
    }

    @Test
    void aRankThatIsBusyElsewhereLearnsThatAnotherOneGaveUp() throws Exception {
        try (RankProcesses processes =
                new RankProcesses(2, new Rendezvous.Options(Duration.ofSeconds(20), 1_024), Map.of())) {
            List<Code> codes = both(processes, ranks -> {
                ranks.requireWhole();
                ranks.barrier();
                if (ranks.membership().rank() == 1) {
                    ranks.abort("it was told to");
                }
                long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                while (System.nanoTime() - endNanos < 0) {
                    try {
                        ranks.requireWhole();
                    } catch (CollectiveException e) {
                        assertThat(e.getMessage()).contains("rank 1 gave up: it was told to");
                        return e.code();
                    }
                    Thread.sleep(1);
                }
                throw new AssertionError("rank " + ranks.membership().rank() + " learned nothing");
            });
            assertThat(codes).containsOnly(Code.ABORTED);
        }
    }

    private static <T> List<T> both(RankProcesses processes, RankProcesses.RankTask<T> task) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            List<Future<T>> ranks = new ArrayList<>();
            for (int rank = 0; rank < 2; rank++) {
                Membership self = new Membership("devices", 1, rank, 2);
                Callable<T> one = () -> {
                    try (Communicator communicator = processes.join(self, List.of("0"))) {
                        return task.run(communicator);
                    }
                };
                ranks.add(threads.submit(one));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> rank : ranks) {
                results.add(rank.get(60, TimeUnit.SECONDS));
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }
}
