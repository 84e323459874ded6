// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.SharedMemoryFabric;
import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Stops each rank before each step of each operation: the others fail alike at the deadline, naming it. */
final class FrozenRankTest {
    private static final int SIZE = 3;
    private static final int WINDOW_BYTES = 1_024;
    /** Frozen ranks wait, and so do the others; a call of three threads takes no time of a core. */
    private static final int AT_ONCE = 32;

    private static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final Blocks HUNDREDS = Blocks.even(SIZE, 100);
    private static final Blocks THREE_HUNDREDS = Blocks.even(SIZE, 300);

    private static final List<Case> CASES = List.of(
            new Case(
                    Operation.ALL_REDUCE,
                    ReduceOp.SUM,
                    -1,
                    4,
                    1,
                    (f, r) -> f.allReduce(doubles(4), doubles(4), ReduceOp.SUM)),
            new Case(
                    Operation.ALL_REDUCE,
                    ReduceOp.SUM,
                    -1,
                    300,
                    6,
                    (f, r) -> f.allReduce(doubles(300), doubles(300), ReduceOp.SUM)),
            new Case(
                    Operation.REDUCE,
                    ReduceOp.MAX,
                    1,
                    300,
                    6,
                    (f, r) -> f.reduce(doubles(300), of(r, 300), ReduceOp.MAX, 1)),
            new Case(
                    Operation.REDUCE_SCATTER,
                    ReduceOp.SUM,
                    -1,
                    300,
                    3,
                    (f, r) -> f.reduceScatter(doubles(300), HUNDREDS, doubles(100), ReduceOp.SUM)),
            new Case(
                    Operation.ALL_GATHER,
                    null,
                    -1,
                    300,
                    3,
                    (f, r) -> f.allGather(doubles(300), doubles(900), THREE_HUNDREDS)),
            new Case(
                    Operation.GATHER, null, 1, 300, 3, (f, r) -> f.gather(doubles(300), of(r, 900), THREE_HUNDREDS, 1)),
            new Case(Operation.SCATTER, null, 1, 300, 3, (f, r) -> f.scatter(of(r, 300), HUNDREDS, doubles(100), 1)),
            new Case(
                    Operation.ALL_TO_ALL,
                    null,
                    -1,
                    Call.UNCOUNTED,
                    3,
                    (f, r) -> f.allToAll(doubles(300), HUNDREDS, doubles(300), HUNDREDS)),
            new Case(Operation.BROADCAST, null, 1, 300, 3, (f, r) -> f.broadcast(doubles(300), 1)),
            new Case(Operation.BARRIER, null, -1, 0, 1, (f, r) -> f.barrier()));

    private interface Run {
        void run(Fabric fabric, int rank) throws CollectiveException;
    }

    /** An operation, what it says when it begins, and its steps. */
    private record Case(Operation operation, @Nullable ReduceOp op, int root, long count, int steps, Run run) {
        void begin(StepExchange exchange) throws CollectiveException {
            DataType type = operation == Operation.BARRIER ? null : DataType.FLOAT64;
            exchange.begin(operation, type, op, root, count, 0);
        }
    }

    private static Elements doubles(int count) {
        return Elements.of(new double[count]);
    }

    /** Returns what only the root has. */
    private static @Nullable Elements of(int rank, int count) {
        return rank == 1 ? doubles(count) : null;
    }

    /** Returns the exchanges of all ranks of one communicator. */
    static List<StepExchange> exchanges(String name, int size, Duration timeout) throws Exception {
        List<RankSegment> owned = new ArrayList<>();
        List<String> addresses = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            owned.add(RankSegment.create(Path.of("/dev/shm"), new Membership(name, 1, rank, size), WINDOW_BYTES));
            addresses.add("rank " + rank + " (host:" + rank + ")");
        }
        List<StepExchange> all = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            List<RankSegment> segments = new ArrayList<>();
            for (int other = 0; other < size; other++) {
                if (other == rank) {
                    segments.add(owned.get(rank));
                } else {
                    owned.get(other).borrowRegion().retain();
                    segments.add(RankSegment.mapped(
                            owned.get(other).borrowRegion(), new Membership(name, 1, other, size), WINDOW_BYTES));
                }
            }
            all.add(new StepExchange(new Membership(name, 1, rank, size), segments, addresses, timeout));
        }
        return all;
    }

    /** Runs the case with one rank that stops before a step; returns what the others throw. */
    private static List<CompletableFuture<CollectiveException>> freeze(Case each, int frozen, int step)
            throws Exception {
        List<StepExchange> exchanges = exchanges("frozen", SIZE, TIMEOUT);
        List<CompletableFuture<CollectiveException>> failures = new ArrayList<>();
        for (int i = 0; i < SIZE; i++) {
            int rank = i;
            CompletableFuture<CollectiveException> failure = new CompletableFuture<>();
            if (rank != frozen) {
                failures.add(failure);
            }
            Thread thread = new Thread(
                    () -> {
                        try {
                            exchanges.get(rank).meet(Duration.ofSeconds(30));
                            if (rank == frozen) {
                                take(each, exchanges.get(rank), step);
                            } else {
                                each.run.run(new SharedMemoryFabric(exchanges.get(rank), WINDOW_BYTES), rank);
                            }
                            failure.completeExceptionally(new AssertionError("nothing failed"));
                        } catch (CollectiveException e) {
                            failure.complete(e);
                        } catch (RuntimeException | Error e) {
                            failure.completeExceptionally(e);
                        }
                    },
                    "frozen-" + rank);
            thread.setDaemon(true);
            thread.start();
        }
        return failures;
    }

    /** Takes the first steps of a call, with nothing in the windows but what other ranks compare. */
    private static void take(Case each, StepExchange exchange, int steps) throws CollectiveException {
        if (steps > 0) {
            each.begin(exchange);
        }
        for (int i = 0; i < steps; i++) {
            if (each.operation == Operation.ALL_TO_ALL && i == 0) {
                int slotNumbers = WINDOW_BYTES / SIZE / 8;
                for (int other = 0; other < SIZE; other++) {
                    exchange.nextNumbers(other * slotNumbers, 100, 100);
                }
            }
            exchange.step();
        }
    }

    @Test
    void whereverARankStopsTheOthersFailAlikeAtTheDeadline() throws Exception {
        List<String> names = new ArrayList<>();
        List<List<CompletableFuture<CollectiveException>>> running = new ArrayList<>();
        for (Case each : CASES) {
            for (int step = 0; step < each.steps; step++) {
                for (int frozen = 0; frozen < SIZE; frozen++) {
                    running.add(freeze(each, frozen, step));
                    names.add("rank " + frozen + " (host:" + frozen + ") did not come to #2 " + each.operation);
                    if (running.size() == AT_ONCE) {
                        check(names, running);
                    }
                }
            }
        }
        check(names, running);
    }

    private static void check(List<String> names, List<List<CompletableFuture<CollectiveException>>> running)
            throws Exception {
        for (int i = 0; i < running.size(); i++) {
            List<CollectiveException> failures = new ArrayList<>();
            for (CompletableFuture<CollectiveException> failure : running.get(i)) {
                failures.add(failure.get(TIMEOUT.toSeconds() + 60, TimeUnit.SECONDS));
            }
            assertThat(failures).extracting(CollectiveException::code).containsOnly(Code.TIMED_OUT);
            String text = failures.get(0).getMessage();
            assertThat(failures).extracting(Throwable::getMessage).containsOnly(text);
            assertThat(text)
                    .contains(names.get(i))
                    .contains(String.format(Locale.ROOT, "within %.1f s", TIMEOUT.toMillis() / 1e3));
        }
        names.clear();
        running.clear();
    }

    /** What the other end of a message does before it stops. */
    private interface Stop {
        void run(Mailbox mine) throws Exception;
    }

    /** Runs the call on a thread of its own; returns what it throws. */
    private static CompletableFuture<CollectiveException> messageFails(Run run, Stop stop) throws Exception {
        List<StepExchange> exchanges = exchanges("message", 2, TIMEOUT);
        stop.run(exchanges.get(1).mailbox(1, 0));
        CompletableFuture<CollectiveException> failure = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        run.run(new SharedMemoryFabric(exchanges.get(0), WINDOW_BYTES), 0);
                        failure.completeExceptionally(new AssertionError("nothing failed"));
                    } catch (CollectiveException e) {
                        failure.complete(e);
                    } catch (RuntimeException | Error e) {
                        failure.completeExceptionally(e);
                    }
                },
                "message-0");
        thread.setDaemon(true);
        thread.start();
        return failure;
    }

    @Test
    void whereverTheOtherEndOfAMessageStopsTheWaitEndsAtTheDeadline() throws Exception {
        String sending =
                "rank 1 (host:1) did not come to what goes with SEND float64[300] tag=5 to rank 1 within 2.0 s";
        String receiving =
                "rank 1 (host:1) did not come to what goes with RECEIVE float64[300] tag=5 from rank 1 within 2.0 s";
        long longHead = 2 | (5L << 8) | (5L << 32);
        Run send = (f, r) -> f.send(doubles(300), 1, 5);
        Run receive = (f, r) -> f.receive(doubles(300), 1, 5);
        Run fill = (f, r) -> {
            for (int i = 0; i < 100; i++) {
                f.send(doubles(8), 1, 5);
            }
        };
        Map<CompletableFuture<CollectiveException>, String> running = new LinkedHashMap<>();
        running.put(messageFails(send, mine -> {}), sending);
        running.put(messageFails(send, mine -> mine.grant(1)), sending);
        running.put(
                messageFails(send, mine -> {
                    mine.grant(1);
                    mine.consume(Mailbox.HEAD_BYTES + 256);
                }),
                sending);
        running.put(messageFails(receive, mine -> {}), receiving);
        running.put(
                messageFails(receive, mine -> {
                    mine.putHead(0, longHead, 300);
                    mine.publish(Mailbox.HEAD_BYTES);
                }),
                receiving);
        running.put(
                messageFails(receive, mine -> {
                    mine.putHead(0, longHead, 300);
                    mine.publish(Mailbox.HEAD_BYTES + 256);
                }),
                receiving);
        running.put(messageFails(fill, mine -> {}), "did not come to what goes with SEND float64[8] tag=5 to rank 1");
        for (Map.Entry<CompletableFuture<CollectiveException>, String> each : running.entrySet()) {
            CollectiveException failure = each.getKey().get(TIMEOUT.toSeconds() + 60, TimeUnit.SECONDS);
            assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
            assertThat(failure).hasMessageContaining(each.getValue());
        }
    }
}
