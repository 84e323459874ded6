// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every fabric gives about messages between two ranks. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class MessageContract {
    private static final int LONG = 20_000;

    private RankProcesses processes;

    /** Starts processes whose ranks meet over the fabric, with a timeout of a few seconds. */
    protected abstract RankProcesses start() throws Exception;

    @BeforeAll
    final void startProcesses() throws Exception {
        processes = start();
    }

    @AfterAll
    final void stopProcesses() {
        processes.close();
    }

    private static long[] numbers(int from, int count) {
        return new Random(from).longs(count).toArray();
    }

    @Test
    void ranksThatBothSendShortMessagesFirstDoNotWaitForEachOther() throws Exception {
        List<Integer> received = processes.runAll("both", 1, 2, communicator -> {
            int rank = communicator.membership().rank();
            int[] value = new int[1];
            for (int round = 0; round < 1_000; round++) {
                communicator.send(Elements.of(new int[] {rank * 10_000 + round}), 1 - rank, 7);
                communicator.receive(Elements.of(value), 1 - rank, 7);
                assertThat(value[0]).isEqualTo((1 - rank) * 10_000 + round);
            }
            return value[0];
        });
        assertThat(received).containsExactly(10_999, 999);
    }

    @Test
    void tagsChooseAmongMessagesAndOneTagKeepsItsOrder() throws Exception {
        List<List<Integer>> received = processes.runAll("tags", 1, 2, communicator -> {
            List<Integer> got = new ArrayList<>();
            if (communicator.membership().rank() == 0) {
                for (int i = 0; i < 4; i++) {
                    communicator.send(Elements.of(new int[] {i}), 1, i % 2);
                }
            } else {
                for (int tag : new int[] {1, 0, 0, 1}) {
                    int[] value = new int[1];
                    communicator.receive(Elements.of(value), 0, tag);
                    got.add(value[0]);
                }
            }
            communicator.barrier();
            return got;
        });
        assertThat(received.get(1)).containsExactly(1, 0, 2, 3);
    }

    @ParameterizedTest
    @EnumSource(DataType.class)
    void everyTypeArrivesWithItsBits(DataType type) throws Exception {
        List<Number> values = TestVector.random(type, 777, new Random(5));
        List<List<Number>> received = processes.runAll("type-" + type, 1, 2, communicator -> {
            Elements elements = TestVector.onHeap(type, values);
            Elements target = Elements.allocate(type, 777);
            if (communicator.membership().rank() == 0) {
                communicator.send(elements, 1, 0);
                communicator.send(elements.slice(0, 0), 1, 1);
            } else {
                communicator.receive(target, 0, 0);
                communicator.receive(target.slice(0, 0), 0, 1);
            }
            return TestVector.values(target);
        });
        assertThat(received.get(1)).isEqualTo(values);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void longMessagesGoRoundARing(int size) throws Exception {
        List<Boolean> all = processes.runAll("ring-" + size, 1, size, communicator -> {
            int rank = communicator.membership().rank();
            int next = (rank + 1) % size;
            int before = (rank + size - 1) % size;
            long[] target = new long[LONG];
            // The even ones send first: all of a ring that send long messages first would wait for each other.
            for (int round = 0; round < 3; round++) {
                if (rank % 2 == 0 && rank != size - 1) {
                    communicator.send(Elements.of(numbers(rank + round, LONG)), next, round);
                    communicator.receive(Elements.of(target), before, round);
                } else {
                    communicator.receive(Elements.of(target), before, round);
                    communicator.send(Elements.of(numbers(rank + round, LONG)), next, round);
                }
                assertThat(target).isEqualTo(numbers(before + round, LONG));
            }
            communicator.barrier();
            return true;
        });
        assertThat(all).hasSize(size).containsOnly(true);
    }

    @Test
    void messagesAndCollectivesMayAlternate() throws Exception {
        List<Integer> sums = processes.runAll("alternate", 1, 3, communicator -> {
            int rank = communicator.membership().rank();
            int[] value = {rank};
            for (int i = 0; i < 100; i++) {
                communicator.send(Elements.of(value), (rank + 1) % 3, i);
                communicator.broadcast(Elements.of(new int[500]), i % 3);
                communicator.receive(Elements.of(value), (rank + 2) % 3, i);
            }
            return value[0];
        });
        assertThat(sums).containsExactly(2, 0, 1);
    }

    private CollectiveException failure(String name, RankProcesses.RankTask<Integer> task) throws Exception {
        return OrderContract.sameFailure(processes.startAll(name, 1, 2, task));
    }

    @Test
    void anotherTypeOrCountIsNamedOnBothSides() throws Exception {
        CollectiveException failure = failure("differs", communicator -> {
            if (communicator.membership().rank() == 0) {
                communicator.send(Elements.of(new float[5]), 1, 3);
            } else {
                communicator.receive(Elements.of(new int[6]), 0, 3);
            }
            communicator.barrier();
            return 0;
        });
        assertThat(failure.code()).isEqualTo(Code.DESYNC);
        assertThat(failure.getMessage())
                .containsPattern(
                        "rank 0 \\(127.0.0.1:\\d+\\) is at SEND float32\\[5] tag=3 to rank 1, we are at RECEIVE"
                                + " int32\\[6] tag=3 from rank 0; found by rank 1");
    }

    @Test
    void whatIsNeverSentOrNeverReceivedEndsAtTheDeadline() throws Exception {
        List<CompletableFuture<Integer>> never = processes.startAll("never", 1, 2, communicator -> {
            if (communicator.membership().rank() == 0) {
                communicator.receive(Elements.of(new int[6]), 1, 3);
            } else {
                communicator.barrier();
            }
            return 0;
        });
        List<CompletableFuture<Integer>> kept = processes.startAll("kept", 1, 2, communicator -> {
            if (communicator.membership().rank() == 0) {
                communicator.send(Elements.of(new long[LONG]), 1, 3);
            } else {
                communicator.barrier();
            }
            return 0;
        });
        assertThat(OrderContract.sameFailure(never).code()).isEqualTo(Code.TIMED_OUT);
        assertThat(OrderContract.sameFailure(kept).code()).isEqualTo(Code.TIMED_OUT);
    }

    @Test
    void aRankThatLeavesEndsTheWaitForItsMessage() throws Exception {
        CollectiveException failure = (CollectiveException) RankProcesses.failure(processes
                .startAll("leaves", 1, 2, MessageContract::awaitsWhoLeft)
                .get(0));
        assertThat(failure.code()).isEqualTo(Code.DESYNC);
        assertThat(failure.getMessage()).contains("left").contains("we are at RECEIVE int32[6] tag=3 from rank 1");
    }

    private static int awaitsWhoLeft(Communicator communicator) throws Exception {
        int[] last = new int[1];
        if (communicator.membership().rank() == 1) {
            communicator.send(Elements.of(new int[] {5}), 0, 1);
            return 0;
        }
        // What it sent before it left is still there.
        communicator.receive(Elements.of(last), 1, 1);
        assertThat(last[0]).isEqualTo(5);
        communicator.receive(Elements.of(new int[6]), 1, 3);
        return 0;
    }
}
