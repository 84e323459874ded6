// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Arguments;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Compares the shuffles on workloads that are mostly shuffle; the program behind {@code bin/bench shuffle}. */
public final class BenchMain {

    private BenchMain() {}

    /** Runs the comparison, prints one table and writes {@code shuffle.json}. */
    public static void main(String[] words) throws IOException, InterruptedException {
        Set<String> known = new HashSet<>(Setting.ARGUMENTS);
        known.addAll(Set.of("rows", "quick", "only", "rounds", "warmups", "repetitions", "ours"));
        Arguments arguments = Arguments.parse(words, known);
        Setting setting = Setting.of(arguments);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        Seat ours = setting.seat(arguments.text("ours", "mooncake"));
        Seat peer = Seat.stock();
        Comparison comparison = new Comparison(setting.cluster(), ours, peer, out);
        comparison.run(works(arguments), arguments.count("rounds", arguments.isOn("quick") ? 1 : 2));
        Report report = new Report(
                "shuffle",
                List.of(ours.name(), peer.name()),
                Machine.here(setting.sparkVersion()),
                Report.rowsOf(comparison));
        Path file = setting.output().resolve("shuffle.json");
        report.write(file);
        out.println();
        out.println(report.table());
        out.println();
        out.println("ratio: " + ours.name() + " by " + peer.name() + ", medians; below 1 takes less. Samples: " + file);
    }

    private static List<Work> works(Arguments arguments) {
        boolean quick = arguments.isOn("quick");
        long rows = arguments.number("rows", quick ? 1_000_000 : 10_000_000);
        int tiny = quick ? 400 : 2000;
        int warmups = (int) arguments.number("warmups", 1);
        int repetitions = arguments.count("repetitions", quick ? 2 : 3);
        List<Work> all = List.of(
                work(
                        "exchange-200",
                        List.of("exchange"),
                        Map.of("rows", rows, "partitions", 200),
                        warmups,
                        repetitions),
                work(
                        "exchange-2000",
                        List.of("exchange"),
                        Map.of("rows", rows, "partitions", 2000),
                        warmups,
                        repetitions),
                work(
                        "tiny-blocks",
                        List.of("exchange"),
                        Map.of("rows", 2L * tiny * tiny, "maps", tiny, "partitions", tiny),
                        warmups,
                        repetitions),
                work("terasort", List.of("terasort"), Map.of("size", 100 * rows), warmups, repetitions),
                work("join", List.of("join"), Map.of("rows", rows), warmups, repetitions),
                work(
                        "tpch",
                        List.of("q1", "q3", "q5", "q9", "q18"),
                        Map.of("scale", rows / 1e7),
                        warmups,
                        repetitions));
        List<String> names = all.stream().map(Work::name).toList();
        List<String> only =
                List.of(arguments.text("only", String.join(",", names)).split(",", -1));
        if (!names.containsAll(only)) {
            throw new BenchFailure("--only takes some of " + String.join(",", names) + ", not " + only);
        }
        return all.stream().filter(work -> only.contains(work.name())).toList();
    }

    private static Work work(
            String name, List<String> workloads, Map<String, Number> options, int warmups, int repetitions) {
        Map<String, String> texts = new HashMap<>();
        options.forEach((option, value) -> texts.put(option, value.toString()));
        return new Work(name, workloads, texts, warmups, repetitions);
    }
}
