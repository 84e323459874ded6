// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * allReduce of float64 SUM, in place, of ours and of peers in turns. A sample is the time of the slowest rank for a batch of
 * operations, by operations. The limit is the bandwidth of an addition in place, of all ranks at once, in turns with the rest.
 */
final class AllReduceComparison {
    private static final long WARM_NANOS = 1_500_000_000;

    /** Four JVMs on two processors were still compiling, for a quarter of the time that they had, 8 seconds after they began. */
    private static final long CROWDED_WARM_NANOS = 5_000_000_000L;

    private static final double BATCH_NANOS = 5e6;

    /** Where ranks share processors: batches of 5 ms took 0.4 to 3 ms an operation from run to run, longer ones are steady. */
    private static final double CROWDED_BATCH_NANOS = 100e6;

    private static final int MOST_OPERATIONS = 20_000;
    private static final long FIRST_LIMITED_BYTES = 1 << 20;
    private static final long FAR_BYTES = 128L << 20;
    private static final long FIRST_MARKED_BYTES = 64 << 10;
    private static final int ADD_STREAMS = 3;

    /** A sample counts when its ranks had their processors but for this part of the time, if there is one for each. */
    private static final double DISTURBED = 0.02;

    private static final long TRY_NANOS = 300_000_000;

    private final List<RankProgram> peers;
    private final List<RankProgram> missing;
    private final int rounds;
    private final Path scratch;
    private final Path logs;
    private final PrintStream out;
    private final List<Report.Row> rows = new ArrayList<>();
    private final Table table = new Table("allReduce float64 SUM", "unit", "mooncake", "peer", "ratio", "mark");

    /** A team, how many operations make its batch, and what one took in each of them. */
    private record Turn(RankTeam team, int operations, List<Double> micros) {}

    AllReduceComparison(
            List<RankProgram> peers, List<RankProgram> missing, int rounds, Path scratch, Path logs, PrintStream out) {
        this.peers = List.copyOf(peers);
        this.missing = List.copyOf(missing);
        this.rounds = rounds;
        this.scratch = scratch;
        this.logs = logs;
        this.out = out;
    }

    List<Report.Row> rows() {
        return rows;
    }

    Table table() {
        return table;
    }

    /** Compares the sizes with so many ranks of each library. */
    void run(int ranks, List<Long> sizes) throws IOException {
        List<RankTeam> teams = new ArrayList<>();
        try {
            teams.add(RankTeam.start(RankProgram.mooncake(), ranks, scratch, logs));
            for (RankProgram peer : peers) {
                teams.add(RankTeam.start(peer, ranks, scratch, logs));
            }
            for (long bytes : sizes) {
                compare(teams, ranks, bytes);
            }
            for (RankProgram peer : missing) {
                table.add(ranks + " ranks, " + peer.name() + ": not there, " + peer.install(), "-", "-", "-", "-", "-");
            }
        } finally {
            teams.forEach(RankTeam::close);
        }
    }

    private void compare(List<RankTeam> teams, int ranks, long bytes) throws IOException {
        String work = ranks + " ranks " + size(bytes);
        List<Turn> turns = new ArrayList<>();
        for (RankTeam team : teams) {
            if (team.run("check", bytes, 1).nanos() != 0) {
                throw new BenchFailure(team.name() + " sums wrong: " + work);
            }
            turns.add(new Turn(team, operations(team, ranks, bytes), new ArrayList<>()));
        }
        RankTeam ours = teams.get(0);
        List<Double> near = new ArrayList<>();
        List<Double> far = new ArrayList<>();
        List<Double> garbage = new ArrayList<>();
        List<Double> disturbed = new ArrayList<>();
        // What one team leaves running for a moment disturbs whoever comes next, so that is not always the same one.
        List<Turn> order = new ArrayList<>(turns);
        Random random = new Random(bytes);
        for (int round = 0; round < rounds; round++) {
            Collections.shuffle(order, random);
            for (Turn turn : order) {
                int times = turn.operations;
                RankTeam.Took took = sample(turn.team, ranks, "sum", bytes, times);
                disturbed.add(took.disturbed());
                turn.micros.add(took.nanos() / 1e3 / times);
                if (turn.team == ours) {
                    garbage.add((double) took.garbageBytes() / times);
                }
            }
            if (bytes >= FIRST_LIMITED_BYTES) {
                near.add(bandwidth(ours, ranks, bytes));
                far.add(bandwidth(ours, ranks, FAR_BYTES));
            }
        }
        report(work, bytes, turns);
        if (bytes >= FIRST_LIMITED_BYTES) {
            // Each rank's vector has to be read and written once, whatever the algorithm.
            List<Double> moved = turns.get(0).micros.stream()
                    .map(time -> 2.0 * bytes * ranks / time / 1e3)
                    .toList();
            add(work + ", of the memory's limit", "GB/s", new Samples(moved, far), "");
            add(work + ", of the limit of vectors of this size", "GB/s", new Samples(moved, near), "");
        }
        add(work + ", part of the time without a processor", "1", new Samples(disturbed, List.of(0.0)), "");
        add(work + ", garbage by operation", "B", new Samples(garbage, List.of(0.0)), "0");
    }

    private void report(String work, long bytes, List<Turn> turns) {
        List<Double> ours = turns.get(0).micros;
        for (Turn turn : turns.subList(1, turns.size())) {
            String peer = turn.team.name();
            add(work + ", " + peer, "us", new Samples(ours, turn.micros), mark(peer, bytes));
        }
        if (turns.size() == 1) {
            add(work, "us", new Samples(ours, List.of(0.0)), "");
        }
    }

    private static String mark(String peer, long bytes) {
        if (peer.startsWith("Gloo")) {
            return "0.50";
        }
        if (peer.startsWith("XGBoost")) {
            return "0.20";
        }
        return bytes < FIRST_MARKED_BYTES ? "" : "1.00";
    }

    private void add(String name, String unit, Samples samples, String mark) {
        Double ratio = Double.isNaN(samples.ratio()) ? null : samples.ratio();
        Report.Row row = new Report.Row(name, samples.oursMedian(), samples.peerMedian(), ratio, unit, samples);
        rows.add(row);
        out.printf(Locale.ROOT, "%s: %.2f, %.2f %s%n", name, row.ours(), row.peer(), unit);
        table.add(
                name,
                unit,
                Table.number(row.ours()),
                Table.number(row.peer()),
                ratio == null ? "-" : Table.number(ratio),
                mark);
    }

    /** Warms a team up and returns how many operations make a batch. */
    private static int operations(RankTeam team, int ranks, long bytes) throws IOException {
        double batchNanos = areCrowded(ranks) ? CROWDED_BATCH_NANOS : BATCH_NANOS;
        long warmNanos = areCrowded(ranks) ? CROWDED_WARM_NANOS : WARM_NANOS;
        int times = 1;
        long startNanos = System.nanoTime();
        double nanos = team.run("sum", bytes, 1).nanos();
        while (System.nanoTime() - startNanos < warmNanos) {
            times = (int) Math.max(1, Math.min(MOST_OPERATIONS, batchNanos / nanos));
            nanos = (double) team.run("sum", bytes, times).nanos() / times;
        }
        return times;
    }

    /** Runs a batch again when something else took the processor meanwhile; the least disturbed one counts. */
    private static RankTeam.Took sample(RankTeam team, int ranks, String command, long bytes, int times)
            throws IOException {
        long startNanos = System.nanoTime();
        RankTeam.Took best = team.run(command, bytes, times);
        while (!areCrowded(ranks) && best.disturbed() > DISTURBED && System.nanoTime() - startNanos < TRY_NANOS) {
            RankTeam.Took again = team.run(command, bytes, times);
            best = again.disturbed() < best.disturbed() ? again : best;
        }
        return best;
    }

    private static boolean areCrowded(int ranks) {
        return ranks > Runtime.getRuntime().availableProcessors();
    }

    private static double bandwidth(RankTeam team, int ranks, long bytes) throws IOException {
        int times = (int) Math.max(1, Math.min(MOST_OPERATIONS, FAR_BYTES / bytes));
        long nanos = sample(team, ranks, "add", bytes, times).nanos();
        return (double) ADD_STREAMS * bytes * ranks * times / nanos;
    }

    private static String size(long bytes) {
        return bytes < 1 << 10 ? bytes + " B" : bytes < 1 << 20 ? (bytes >> 10) + " KiB" : (bytes >> 20) + " MiB";
    }
}
