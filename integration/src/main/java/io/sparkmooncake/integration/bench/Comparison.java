// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import com.google.errorprone.annotations.FormatMethod;
import io.sparkmooncake.integration.workload.Digest;
import io.sparkmooncake.integration.workload.Repetition;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Runs work on both sides in turns, an application each, and keeps what was measured.
 *
 * <p>Threading: one thread.
 */
final class Comparison {
    private final Cluster cluster;
    private final Seat ours;
    private final Seat peer;
    private final PrintStream progress;
    private final Map<String, List<Repetition>> oursByRow = new LinkedHashMap<>();
    private final Map<String, List<Repetition>> peerByRow = new LinkedHashMap<>();

    Comparison(Cluster cluster, Seat ours, Seat peer, PrintStream progress) {
        this.cluster = cluster;
        this.ours = ours;
        this.peer = peer;
        this.progress = progress;
    }

    /** Runs every work {@code rounds} times on each side; the side that begins changes with every round. */
    void run(List<Work> works, int rounds) throws IOException, InterruptedException {
        int application = 0;
        int applications = works.size() * rounds * 2;
        for (Work work : works) {
            for (int round = 0; round < rounds; round++) {
                boolean oursFirst = round % 2 == 0;
                for (boolean isOurs : new boolean[] {oursFirst, !oursFirst}) {
                    Seat seat = isOurs ? ours : peer;
                    application++;
                    say("[%d/%d] %s, %s", application, applications, work.name(), seat.name());
                    Map<String, List<Repetition>> byRow = isOurs ? oursByRow : peerByRow;
                    for (Repetition run : cluster.run(work, seat, this::report)) {
                        checkAndKeep(byRow, work.rowName(run.workload()), run);
                    }
                }
            }
        }
    }

    private void report(Repetition run) {
        String kind = run.repetition() > 0 ? "run " + run.repetition() : "warm-up";
        say("        %-12s %-8s %7.2f s", run.workload(), kind, run.wallSeconds());
    }

    private void checkAndKeep(Map<String, List<Repetition>> byRow, String row, Repetition run) {
        for (Map<String, List<Repetition>> side : List.of(oursByRow, peerByRow)) {
            Digest other = side.getOrDefault(row, List.of()).stream()
                    .map(Repetition::digest)
                    .findFirst()
                    .orElse(run.digest());
            if (!other.equals(run.digest())) {
                throw new BenchFailure("results differ: work=" + row + " one=" + other + " other=" + run.digest());
            }
        }
        List<Repetition> kept = byRow.computeIfAbsent(row, name -> new ArrayList<>());
        if (run.repetition() > 0) {
            kept.add(run);
        }
    }

    /** The rows that were measured, in the order of the work. */
    List<String> rows() {
        return List.copyOf(oursByRow.keySet());
    }

    /** The {@code quantity} of the counted runs of {@code row}. */
    Samples samples(String row, ToDoubleFunction<Repetition> quantity) {
        return new Samples(values(oursByRow, row, quantity), values(peerByRow, row, quantity));
    }

    /** By how much the plugin's {@code counter} grew in the counted runs of {@code row} on our side; empty: no such counter. */
    List<Double> counter(String row, String counter) {
        return oursByRow.getOrDefault(row, List.of()).stream()
                .filter(run -> run.pluginCounters().containsKey(counter))
                .map(run -> run.pluginCounters().get(counter).doubleValue())
                .toList();
    }

    private static List<Double> values(
            Map<String, List<Repetition>> byRow, String row, ToDoubleFunction<Repetition> quantity) {
        return byRow.getOrDefault(row, List.of()).stream()
                .map(quantity::applyAsDouble)
                .toList();
    }

    @FormatMethod
    private void say(String format, Object... values) {
        progress.println(String.format(Locale.ROOT, format, values));
    }
}
