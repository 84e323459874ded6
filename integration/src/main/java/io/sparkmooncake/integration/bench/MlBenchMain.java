// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Arguments;
import io.sparkmooncake.integration.workload.MlMain;
import io.sparkmooncake.integration.workload.MlRun;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Compares loops that all-reduce within one stage with Spark ML, in turns, in the same executors; the program behind
 * {@code bin/bench ml}.
 */
public final class MlBenchMain {
    private static final String MOONCAKE = "mooncake";

    private MlBenchMain() {}

    /**
     * One application.
     *
     * @param name what {@code --only} calls it
     * @param cores of each of two executors
     * @param words arguments of {@link MlMain}
     */
    private record Application(String name, int cores, List<String> words) {}

    /** Runs the comparison, prints one table and writes {@code ml.json}. */
    public static void main(String[] words) throws IOException, InterruptedException {
        Set<String> known = new HashSet<>(Setting.ARGUMENTS);
        known.addAll(Set.of("mllib", "only", "rounds"));
        Arguments arguments = Arguments.parse(words, known);
        Setting setting = Setting.of(arguments);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        String rounds = Integer.toString(arguments.count("rounds", 2));
        List<Report.Row> rows = new ArrayList<>();
        for (Application application : applications(arguments.text("only", ""))) {
            out.println(application.name);
            List<String> command = command(setting, MlMain.class, arguments.text("mllib", ""), application.cores);
            command.addAll(application.words);
            command.addAll(List.of("--rounds", rounds));
            List<MlRun> runs =
                    setting.cluster().submit("ml-" + application.name, command, MlRun.class, run -> report(out, run));
            rows.addAll(rowsOf(runs));
        }
        Report report = new Report("ml", List.of(MOONCAKE, "spark-ml"), Machine.here(setting.sparkVersion()), rows);
        Path file = setting.output().resolve("ml.json");
        report.write(file);
        out.println();
        out.println(report.table());
        out.println();
        out.println(
                "ratio: mooncake by spark-ml, medians of iterations; below 1 takes less. beyond compute: what was not the"
                        + " slowest rank's or task's own work. Samples: " + file);
    }

    private static List<Application> applications(String only) {
        List<Application> all = List.of(
                application("lr-10k", 1, "logistic", Map.of("rows", "10000", "features", "1000", "iterations", "40")),
                application("lr-200k", 1, "logistic", Map.of("rows", "200000", "features", "1000", "iterations", "15")),
                application("sparse", 1, "sparse", Map.of("rows", "200000", "features", "1000000", "iterations", "15")),
                application("k-means-50k", 1, "k-means", Map.of("rows", "50000", "iterations", "25")),
                application("k-means-1m", 1, "k-means", Map.of("rows", "1000000", "iterations", "8")),
                application("gradient-2", 1, "gradient", Map.of("tasks", "2")),
                application("gradient-4", 2, "gradient", Map.of("tasks", "4")));
        List<String> names = all.stream().map(Application::name).toList();
        List<String> chosen = only.isEmpty() ? names : List.of(only.split(",", -1));
        if (!names.containsAll(chosen)) {
            throw new BenchFailure("--only takes some of " + String.join(",", names) + ", not " + only);
        }
        return all.stream()
                .filter(application -> chosen.contains(application.name))
                .toList();
    }

    private static Application application(String name, int cores, String work, Map<String, String> options) {
        List<String> words = new ArrayList<>(List.of("--work", work));
        options.forEach((option, value) -> words.addAll(List.of("--" + option, value)));
        return new Application(name, cores, words);
    }

    /** The command line: two executors with 4 GiB each, because both sides keep the rows in memory. */
    static List<String> command(Setting setting, Class<?> main, String mllib, int cores) {
        return setting.cluster()
                .command(
                        main,
                        "local-cluster[2," + cores + ",4096]",
                        List.of(
                                "--conf",
                                "spark.executor.memory=4g",
                                "--conf",
                                "spark.driver.memory=2g",
                                "--conf",
                                "spark.plugins=io.sparkmooncake.plugin.MooncakePlugin",
                                "--jars",
                                mllib + "," + setting.pluginJar()));
    }

    private static void report(PrintStream out, MlRun run) {
        out.println(String.format(
                Locale.ROOT,
                "    %-45s %-9s %-8s %9.3f ms, %8.3f beyond compute, %d iterations to %.6g",
                run.work(),
                run.side(),
                run.round() == 0 ? "warm-up" : "run " + run.round(),
                new Samples(run.iterationMillis(), run.iterationMillis()).oursMedian(),
                new Samples(run.beyondComputeMillis(), run.beyondComputeMillis()).oursMedian(),
                run.iterationMillis().size(),
                run.objective()));
    }

    private static List<Report.Row> rowsOf(List<MlRun> runs) {
        Map<String, List<MlRun>> byWork = new LinkedHashMap<>();
        runs.stream()
                .filter(run -> run.round() > 0)
                .forEach(run -> byWork.computeIfAbsent(run.work(), work -> new ArrayList<>())
                        .add(run));
        List<Report.Row> rows = new ArrayList<>();
        byWork.forEach((work, counted) -> {
            rows.add(row(work + "/iteration", counted, MlRun::iterationMillis));
            rows.add(row(work + "/beyond compute", counted, MlRun::beyondComputeMillis));
        });
        return rows;
    }

    private static Report.Row row(String name, List<MlRun> runs, Function<MlRun, List<Double>> quantity) {
        Samples samples = new Samples(values(runs, true, quantity), values(runs, false, quantity));
        @Nullable Double ratio = Double.isNaN(samples.ratio()) ? null : samples.ratio();
        return new Report.Row(name, samples.oursMedian(), samples.peerMedian(), ratio, "ms", samples);
    }

    private static List<Double> values(List<MlRun> runs, boolean ours, Function<MlRun, List<Double>> quantity) {
        return runs.stream()
                .filter(run -> run.side().equals(MOONCAKE) == ours)
                .flatMap(run -> quantity.apply(run).stream())
                .toList();
    }
}
