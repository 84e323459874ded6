// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Arguments;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Measures allReduce of float64 among processes of one host against other libraries, in turns in one run. The program behind
 * {@code bin/bench collectives}.
 */
public final class CollectivesBenchMain {
    private static final String SIZES = "8,1k,64k,1m,8m,128m";
    private static final String PEERS = "OpenMPI,Gloo ring,Gloo halving-doubling,XGBoost4J";

    private CollectivesBenchMain() {}

    /** Runs the comparison, prints a table and writes {@code collectives.json}. */
    public static void main(String[] words) throws IOException, InterruptedException {
        Set<String> known = new HashSet<>(Setting.ARGUMENTS);
        known.addAll(Set.of("quick", "ranks", "sizes", "rounds", "peers"));
        Arguments arguments = Arguments.parse(words, known);
        Setting setting = Setting.of(arguments);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        Path scratch = Path.of(arguments.text("scratch", "target/bench"));
        Path logs = Files.createDirectories(setting.output().resolve("logs"));
        List<String> wanted = list(arguments.text("peers", PEERS));
        List<RankProgram> peers = new ArrayList<>();
        List<RankProgram> missing = new ArrayList<>();
        for (RankProgram program : List.of(
                RankProgram.openMpi(scratch),
                RankProgram.gloo(scratch, "ring"),
                RankProgram.gloo(scratch, "halving-doubling"),
                RankProgram.xgboost())) {
            if (wanted.contains(program.name())) {
                (program.build(logs.resolve("collectives-build.log")) ? peers : missing).add(program);
            }
        }
        AllReduceComparison comparison = new AllReduceComparison(
                peers, missing, arguments.count("rounds", arguments.isOn("quick") ? 5 : 15), scratch, logs, out);
        for (String ranks : list(arguments.text("ranks", "2,4"))) {
            List<Long> sizes = list(arguments.text("sizes", SIZES)).stream()
                    .map(size -> sizeBytes(size))
                    .toList();
            comparison.run(Integer.parseInt(ranks), sizes);
        }
        Report report = new Report(
                "collectives", List.of("mooncake", "peer"), Machine.here(setting.sparkVersion()), comparison.rows());
        Path file = setting.output().resolve("collectives.json");
        report.write(file);
        out.println();
        out.println(comparison.table());
        out.println();
        out.println(
                "ratio: mooncake by peer, medians. Below 1 takes less time than a library; of the limit, 1 is what the"
                        + " memory allows. Samples: " + file);
    }

    private static List<String> list(String words) {
        return Arrays.asList(words.split(",", -1));
    }

    private static long sizeBytes(String text) {
        long bytes = new Arguments(java.util.Map.of("sizes", text)).bytes("sizes", text);
        if (bytes < Double.BYTES || bytes % Double.BYTES != 0) {
            throw new BenchFailure("--sizes takes multiples of 8 bytes, not " + text);
        }
        return bytes;
    }
}
