// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import io.sparkmooncake.collectives.testing.SequentialReference;
import io.sparkmooncake.collectives.testing.TestVector;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every operation among processes that map nobody's memory, and therefore are hosts of their own. Where each has one rank, all goes
 * over links, in the order of ranks; where some have several, ranks of a host are not even neighbours in rank. Windows are so small
 * that most vectors need many messages.
 */
final class SeveralHostsTest {
    private static final int ROUNDS = 40;
    private static final int MAX_COUNT = 3_000;
    private static final Map<String, String> NO_SHARED_MEMORY = Map.of("spark.mooncake.transfer.paths", "tcp");
    private static final Rendezvous.Options SMALL = new Rendezvous.Options(Duration.ofSeconds(60), 1_024);

    @ParameterizedTest(name = "{0} ranks on {1} hosts")
    @CsvSource({"2, 2", "3, 3", "4, 4", "7, 7", "4, 2", "5, 2", "7, 3", "9, 4", "1, 1"})
    void everyOperationGivesTheResultOfTheSequentialReference(int size, int hosts) throws Exception {
        try (RankProcesses processes = new RankProcesses(hosts, SMALL, NO_SHARED_MEMORY)) {
            long seed = 1_000L * size + hosts;
            List<Integer> rounds = processes.runAll("hosts", 1, size, communicator -> {
                for (int round = 0; round < ROUNDS; round++) {
                    new Round(communicator, seed * 1_000 + round).run();
                }
                return ROUNDS;
            });
            assertThat(rounds).hasSize(size).containsOnly(ROUNDS);
        }
    }

    @Test
    void longVectorsHaveTheBitsOfTheOrderOfRanks() throws Exception {
        int count = 400_003;
        try (RankProcesses processes = new RankProcesses(3, Rendezvous.Options.DEFAULT, NO_SHARED_MEMORY)) {
            List<double[]> results = processes.runAll("long", 1, 3, communicator -> {
                double[] values = new double[count];
                for (int i = 0; i < count; i++) {
                    values[i] = Math.sin(i) * (communicator.membership().rank() + 0.1);
                }
                Elements elements = Elements.of(values);
                communicator.allReduce(elements, elements, ReduceOp.SUM);
                return values;
            });
            double[] expected = new double[count];
            for (int i = 0; i < count; i++) {
                expected[i] = Math.sin(i) * 0.1 + Math.sin(i) * (1 + 0.1) + Math.sin(i) * (2 + 0.1);
            }
            assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(expected));
        }
    }

    @Test
    void ranksOfAHierarchyAgreeToTheLastBitAndInEveryRun() throws Exception {
        int count = 100_003;
        List<double[]> all = new ArrayList<>();
        for (int run = 0; run < 2; run++) {
            try (RankProcesses processes = new RankProcesses(2, Rendezvous.Options.DEFAULT, NO_SHARED_MEMORY)) {
                all.addAll(processes.runAll("agree", 1, 5, communicator -> {
                    double[] values = new Random(communicator.membership().rank())
                            .doubles(count)
                            .toArray();
                    communicator.allReduce(Elements.of(values), Elements.of(values), ReduceOp.SUM);
                    return values;
                }));
            }
        }
        assertThat(all).allSatisfy(result -> assertThat(result).isEqualTo(all.get(0)));
    }

    @Test
    void mailKeepsItsOrderByTagAndWaitsForNobodyElse() throws Exception {
        try (RankProcesses processes = new RankProcesses(2, SMALL, NO_SHARED_MEMORY)) {
            List<Integer> done = processes.runAll("mail", 1, 2, communicator -> {
                int other = 1 - communicator.membership().rank();
                for (int tag = 0; tag < 3; tag++) {
                    int[] values = new int[100];
                    Arrays.fill(values, tag);
                    communicator.send(Elements.of(values), other, tag);
                }
                for (int tag = 2; tag >= 0; tag--) {
                    int[] values = new int[100];
                    communicator.receive(Elements.of(values), other, tag);
                    assertThat(values).containsOnly(tag);
                }
                communicator.barrier();
                return 0;
            });
            assertThat(done).hasSize(2);
        }
    }

    /** One call with random parameters, which are the same on every rank. */
    private static final class Round {
        private final Communicator communicator;
        private final int rank;
        private final int size;
        private final Random random;
        private final DataType type;
        private final ReduceOp op;
        private final int count;
        private final int root;
        private final long inputSeed;
        private final int operation;

        Round(Communicator communicator, long seed) {
            this.communicator = communicator;
            this.rank = communicator.membership().rank();
            this.size = communicator.membership().size();
            this.random = new Random(seed);
            this.type = any(DataType.values());
            List<ReduceOp> ops = Arrays.stream(ReduceOp.values())
                    .filter(each -> each.takes(type))
                    .toList();
            this.op = ops.get(random.nextInt(ops.size()));
            this.count = random.nextInt(4) == 0 ? random.nextInt(4) : random.nextInt(MAX_COUNT);
            this.root = random.nextInt(size);
            this.inputSeed = random.nextLong();
            this.operation = random.nextInt(10);
        }

        private <E> E any(E[] all) {
            return all[random.nextInt(all.length)];
        }

        /** Values that any order of operands reduces to the same bits, because hosts are reduced first. */
        private List<Number> input(int ofRank, int length) {
            Random values = new Random(inputSeed + ofRank);
            if (!type.isFloating()) {
                return TestVector.random(type, length, values);
            }
            Elements exact = Elements.allocate(type, length);
            for (int i = 0; i < length; i++) {
                int power = values.nextInt(2);
                Number bits = switch (type) {
                    case FLOAT16 -> (short) (power == 0 ? 0x3c00 : 0x4000);
                    case BFLOAT16 -> (short) (power == 0 ? 0x3f80 : 0x4000);
                    default -> 1.0f + power;
                };
                TestVector.set(exact, i, bits);
            }
            return TestVector.values(exact);
        }

        private List<List<Number>> inputs(int length) {
            return IntStream.range(0, size)
                    .mapToObj(each -> input(each, length))
                    .toList();
        }

        private List<Number> reduced(int length) {
            return SequentialReference.reduce(type, op, inputs(length));
        }

        private Elements place(List<Number> values) {
            return random.nextBoolean() ? TestVector.onHeap(type, values) : TestVector.offHeap(type, values);
        }

        private Elements empty(long length) {
            return place(Collections.nCopies((int) length, (byte) 0));
        }

        private Blocks blocks(Random shape) {
            long[] counts = new long[size];
            for (int i = 0; i < size; i++) {
                counts[i] = shape.nextInt(3) == 0 ? 0 : shape.nextInt(MAX_COUNT / size + 1);
            }
            return Blocks.of(counts);
        }

        void run() throws Exception {
            switch (operation) {
                case 0 -> {
                    Elements source = place(input(rank, count));
                    Elements target = random.nextBoolean() ? source : empty(count);
                    communicator.allReduce(source, target, op);
                    expect(target, reduced(count));
                }
                case 1 -> {
                    Elements source = place(input(rank, count));
                    Elements target = empty(count);
                    communicator.reduce(source, rank == root ? target : null, op, root);
                    expect(target, rank == root ? reduced(count) : TestVector.values(empty(count)));
                }
                case 2 -> reduceScatter(blocks(new Random(inputSeed)));
                case 3 -> allGather(blocks(new Random(inputSeed)));
                case 4 -> gather(blocks(new Random(inputSeed)));
                case 5 -> scatter(blocks(new Random(inputSeed)));
                case 6 -> allToAll();
                case 7 -> {
                    Elements elements = place(input(rank, count));
                    communicator.broadcast(elements, root);
                    expect(elements, input(root, count));
                }
                case 8 -> communicator.barrier();
                default -> ring();
            }
        }

        private void reduceScatter(Blocks blocks) throws Exception {
            int total = (int) blocks.total();
            Elements target = empty(blocks.count(rank));
            communicator.reduceScatter(place(input(rank, total)), blocks, target, op);
            expect(target, block(reduced(total), blocks, rank));
        }

        private static List<Number> block(List<Number> all, Blocks blocks, int of) {
            return all.subList((int) blocks.start(of), (int) (blocks.start(of) + blocks.count(of)));
        }

        private List<Number> together(Blocks blocks) {
            List<Number> all = new ArrayList<>();
            for (int each = 0; each < size; each++) {
                all.addAll(input(each, (int) blocks.count(each)));
            }
            return all;
        }

        private void allGather(Blocks blocks) throws Exception {
            Elements target = empty(blocks.total());
            communicator.allGather(place(input(rank, (int) blocks.count(rank))), target, blocks);
            expect(target, together(blocks));
        }

        private void gather(Blocks blocks) throws Exception {
            Elements target = empty(blocks.total());
            communicator.gather(
                    place(input(rank, (int) blocks.count(rank))), rank == root ? target : null, blocks, root);
            if (rank == root) {
                expect(target, together(blocks));
            }
        }

        private void scatter(Blocks blocks) throws Exception {
            Elements target = empty(blocks.count(rank));
            List<Number> all = input(root, (int) blocks.total());
            communicator.scatter(rank == root ? place(all) : null, blocks, target, root);
            expect(target, block(all, blocks, rank));
        }

        private void allToAll() throws Exception {
            Blocks[] sent = IntStream.range(0, size)
                    .mapToObj(from -> blocks(new Random(inputSeed + from)))
                    .toArray(Blocks[]::new);
            Blocks received = Blocks.of(
                    Arrays.stream(sent).mapToLong(each -> each.count(rank)).toArray());
            Elements target = empty(received.total());
            communicator.allToAll(place(input(rank, (int) sent[rank].total())), sent[rank], target, received);
            List<Number> expected = new ArrayList<>();
            for (int from = 0; from < size; from++) {
                expected.addAll(block(input(from, (int) sent[from].total()), sent[from], rank));
            }
            expect(target, expected);
        }

        private void ring() throws Exception {
            if (size == 1) {
                return;
            }
            int next = (rank + 1) % size;
            int before = (rank + size - 1) % size;
            Elements source = place(input(rank, Math.min(count, 50)));
            Elements target = empty(Math.min(count, 50));
            communicator.send(source, next, 7);
            communicator.receive(target, before, 7);
            expect(target, input(before, Math.min(count, 50)));
        }

        private void expect(Elements actual, List<Number> expected) {
            List<Number> found = TestVector.values(actual);
            int at = 0;
            while (at < expected.size() && found.get(at).equals(expected.get(at))) {
                at++;
            }
            assertThat(found.equals(expected) ? -1 : at)
                    .as(
                            "operation=%s type=%s op=%s count=%s root=%s rank=%s: first that differs",
                            operation, type, op, count, root, rank)
                    .isEqualTo(-1);
        }
    }
}
