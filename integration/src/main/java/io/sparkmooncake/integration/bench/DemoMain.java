// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.hosts.HostSpec;
import io.sparkmooncake.integration.hosts.Hosts;
import io.sparkmooncake.integration.hosts.StandaloneCluster;
import io.sparkmooncake.integration.workload.Arguments;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Shows what the plugin does to a TeraSort and to a SQL query; the program behind {@code bin/demo}. */
public final class DemoMain {
    private static final double MIB = 1 << 20;
    private static final int EXECUTOR_MIB = 2048;
    private static final long HOST_SHM_BYTES = 4L << 30;

    private DemoMain() {}

    /** Runs both works on both sides and prints one table. */
    public static void main(String[] words) throws IOException, InterruptedException {
        Set<String> known = new HashSet<>(Setting.ARGUMENTS);
        known.addAll(Set.of("size", "rounds", "ours", "hosts", "executors"));
        Arguments arguments = Arguments.parse(words, known);
        Setting setting = Setting.of(arguments);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        if (arguments.values().containsKey("hosts")) {
            onHosts(setting, arguments, out);
        } else {
            compare(setting.cluster(), setting, arguments, out);
        }
    }

    /** Starts {@code --hosts} hosts with {@code --executors} executors each, and one for the driver. */
    private static void onHosts(Setting setting, Arguments arguments, PrintStream out)
            throws IOException, InterruptedException {
        int workers = arguments.count("hosts", 4);
        int executors = arguments.count("executors", 1);
        Path folder = setting.output().resolve("hosts").toAbsolutePath();
        Optional<String> missing = Hosts.missing(folder);
        if (missing.isPresent()) {
            throw new BenchFailure("--hosts cannot be used here: " + missing.get());
        }
        List<HostSpec> specs =
                Collections.nCopies(1 + workers, HostSpec.unlimited().withShm(HOST_SHM_BYTES));
        try (Hosts hosts = Hosts.start(folder, specs)) {
            out.println("hosts: " + workers + " with executors=" + executors
                    + " each, and one for the driver; their logs are in " + folder);
            Cluster cluster = setting.cluster();
            StandaloneCluster standalone = StandaloneCluster.start(hosts, cluster.sparkHome(), executors, EXECUTOR_MIB);
            compare(cluster.on(standalone), setting, arguments, out);
        }
    }

    private static void compare(Cluster cluster, Setting setting, Arguments arguments, PrintStream out)
            throws IOException, InterruptedException {
        long sizeBytes = arguments.bytes("size", "1g");
        Comparison comparison =
                new Comparison(cluster, setting.seat(arguments.text("ours", "mooncake")), Seat.stock(), out);
        comparison.run(
                List.of(
                        new Work("terasort", List.of("terasort"), Map.of("size", Long.toString(sizeBytes)), 1, 1),
                        new Work("sql join", List.of("join"), Map.of("rows", Long.toString(sizeBytes / 100)), 1, 1)),
                arguments.count("rounds", 1));
        print(comparison, out);
    }

    private static void print(Comparison comparison, PrintStream out) {
        Table table = new Table(
                "work",
                "ours wall s",
                "stock wall s",
                "ratio",
                "ours write s",
                "stock write s",
                "ours wait s",
                "stock wait s",
                "in-process MiB",
                "shm MiB",
                "tcp MiB");
        for (String row : comparison.rows()) {
            Samples wall = comparison.samples(row, Measure.WALL.quantity());
            Samples write = comparison.samples(row, Measure.WRITE.quantity());
            Samples wait = comparison.samples(row, Measure.FETCH_WAIT.quantity());
            table.add(
                    row,
                    Table.number(wall.oursMedian()),
                    Table.number(wall.peerMedian()),
                    Table.number(wall.ratio()),
                    Table.number(write.oursMedian()),
                    Table.number(write.peerMedian()),
                    Table.number(wait.oursMedian()),
                    Table.number(wait.peerMedian()),
                    mebibytes(comparison.counter(row, "read.bytes.inprocess")),
                    mebibytes(comparison.counter(row, "read.bytes.shm")),
                    mebibytes(comparison.counter(row, "read.bytes.tcp")));
        }
        out.println();
        out.println(table);
        out.println();
        out.println(
                "All results are equal. ratio: ours by stock; write and wait (for blocks to read) are sums over the tasks.");
    }

    private static String mebibytes(List<Double> bytes) {
        return Table.number(bytes.stream().mapToDouble(each -> each / MIB).max().orElse(Double.NaN));
    }
}
