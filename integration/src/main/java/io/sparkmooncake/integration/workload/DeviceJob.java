// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.DeviceBuffer;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.integration.example.KMeans;
import io.sparkmooncake.integration.example.LogisticRegression;
import io.sparkmooncake.ml.Communicators;
import io.sparkmooncake.ml.RankVector;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.CollectionAccumulator;

/**
 * The application of {@code integration/gpu/run spark}: the examples of machine learning on ranks with or without devices, compared bit
 * by bit with what ranks on the host gave; and a loop that loses an executor. Prints a row for each check, and fails when one failed.
 */
public final class DeviceJob {
    private static final Set<String> ARGUMENTS = Set.of("memory", "tasks", "folder", "kill", "hosts");
    private static final int FLOATS = 16 << 20;
    private static final int REPEATS = 10;
    private static final double CLOSE = 1e-9;

    private final JavaSparkContext sc;
    private final PrintStream out;
    private final int tasks;
    private final Path folder;
    private final Memory memory;
    private final boolean severalHosts;
    private int failed;

    /** Where ranks are to reduce. */
    private enum Memory {
        /** No devices were assigned; what comes out is what the others are compared with. */
        HOST,
        /** Devices were assigned, and there is no driver: ranks say so and use the host's memory. */
        REFUSED,
        /** On devices. */
        DEVICE
    }

    private DeviceJob(JavaSparkContext sc, Arguments arguments, PrintStream out) {
        this.sc = sc;
        this.out = out;
        this.tasks = arguments.count("tasks", 2);
        this.folder = Path.of(arguments.text("folder", ".")).toAbsolutePath();
        this.severalHosts = arguments.count("hosts", 1) > 1;
        this.memory = Memory.valueOf(arguments.text("memory", "host").toUpperCase(Locale.ROOT));
    }

    /** Entry point for {@code spark-submit}. */
    public static void main(String[] words) throws Exception {
        Arguments arguments = Arguments.parse(words, ARGUMENTS);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        int failed;
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf().setAppName("device ranks"))) {
            DeviceJob job = new DeviceJob(sc, arguments, out);
            if (arguments.isOn("kill")) {
                job.lose(DeviceLoss.Moment.INSIDE);
                job.lose(DeviceLoss.Moment.BEFORE);
            } else {
                job.train();
                job.measure();
            }
            job.requireNothingHeld();
            failed = job.failed;
        }
        if (failed > 0) {
            throw new IllegalStateException(failed + " checks failed");
        }
    }

    private void row(String check, boolean good, String what) {
        failed += good ? 0 : 1;
        out.println("ROW|" + check + "|" + (good ? "ok" : "FAILED") + "|" + what.replace('\n', ' '));
    }

    private void train() throws IOException {
        CollectionAccumulator<String> seats = sc.sc().collectionAccumulator();
        double[][] centers = KMeans.train(
                MlData.points(sc, 20_000, 32, 16, tasks), MlData.start(16, 32, 16), 20, new DeviceSeats(seats));
        double[] flat = Arrays.stream(centers).flatMapToDouble(Arrays::stream).toArray();
        compare("k-means", flat);
        double[] weights =
                LogisticRegression.train(MlData.dense(sc, 10_000, 500, tasks), 500, 0.001, 20, new DeviceSeats(seats));
        compare("logistic regression", weights);
        // Two loops, whose ranks may be on other executors each.
        List<String> told = seats.value().stream().sorted().toList();
        long right = told.stream().filter(this::isWhereItShould).count();
        row(
                "ranks",
                right == told.size() && told.size() == 2 * tasks,
                told.stream().distinct().collect(Collectors.joining("; ")));
    }

    private boolean isWhereItShould(String seat) {
        return switch (memory) {
            case HOST -> seat.contains("host: its ranks joined without devices");
            case REFUSED -> seat.contains(": this host has no NVIDIA driver");
            case DEVICE -> seat.contains(" device=cuda:");
        };
    }

    /**
     * The host's results are kept; those of devices have the same bits, because both reduce in the order of ranks. Ranks of several
     * hosts reduce host by host, so that theirs are only nearly the same.
     */
    private void compare(String name, double[] values) throws IOException {
        Path kept = folder.resolve(name.replace(' ', '-') + "-" + tasks);
        List<String> bits = Arrays.stream(values)
                .mapToObj(each -> Long.toHexString(Double.doubleToLongBits(each)))
                .toList();
        if (memory == Memory.HOST) {
            Files.write(kept, bits);
        }
        boolean finite = Arrays.stream(values).allMatch(Double::isFinite);
        if (severalHosts) {
            double[] before = Files.readAllLines(kept).stream()
                    .mapToDouble(each -> Double.longBitsToDouble(Long.parseUnsignedLong(each, 16)))
                    .toArray();
            double most = IntStream.range(0, values.length)
                    .mapToDouble(i -> Math.abs(values[i] - before[i]) / Math.max(1, Math.abs(before[i])))
                    .max()
                    .orElse(Double.NaN);
            row(name, most < CLOSE, values.length + " numbers, off those of ranks on the host by at most " + most);
            return;
        }
        boolean same = bits.equals(Files.readAllLines(kept));
        row(
                name,
                finite && same,
                values.length + " numbers, " + (same ? "the bits of" : "OTHER bits than on") + " ranks on the host");
    }

    private void measure() {
        boolean devices = memory == Memory.DEVICE;
        String times = Communicators.collect(
                        slots(), (ranks, numbers) -> List.of(times(ranks)).iterator())
                .get(0);
        row("all-reduce of 64 MiB", times.contains("device") == devices, times);
    }

    private JavaRDD<Integer> slots() {
        return sc.parallelize(IntStream.range(0, tasks).boxed().toList(), tasks);
    }

    /** An operation that a rank repeats. */
    @FunctionalInterface
    private interface Step {
        void run() throws Exception;
    }

    private static String times(Communicator ranks) throws Exception {
        float[] array = new float[FLOATS];
        Elements host = Elements.of(array);
        String times = time(ranks, "host memory", () -> ranks.allReduce(host, host, ReduceOp.MAX));
        if (!ranks.deviceMemory().isAvailable()) {
            return times;
        }
        try (RankVector vector = RankVector.of(ranks, array);
                DeviceBuffer buffer = ranks.deviceMemory().allocate(DataType.FLOAT32, FLOATS)) {
            buffer.upload(host);
            times += time(ranks, ", device with copies there and back", () -> vector.allReduce(ReduceOp.MAX));
            return times
                    + time(
                            ranks,
                            ", device in place",
                            () -> ranks.allReduce(buffer.elements(), buffer.elements(), ReduceOp.MAX));
        }
    }

    /** The median on this rank. */
    private static String time(Communicator ranks, String what, Step step) throws Exception {
        double[] millis = new double[REPEATS];
        for (int i = 0; i < REPEATS; i++) {
            ranks.barrier();
            long begin = System.nanoTime();
            step.run();
            millis[i] = (System.nanoTime() - begin) / 1e6;
        }
        Arrays.sort(millis);
        return String.format(Locale.ROOT, "%s %.3f ms", what, millis[REPEATS / 2]);
    }

    private void lose(DeviceLoss.Moment moment) throws Exception {
        DeviceLoss loss = new DeviceLoss(moment, folder, memory == Memory.DEVICE);
        DeviceLoss.Outcome outcome = loss.run(slots());
        row("kill -9 " + moment.name().toLowerCase(Locale.ROOT) + " an all-reduce", outcome.good(), outcome.what());
    }

    /** Asks every executor what it holds of devices, in a barrier stage as wide as there are slots. */
    private void requireNothingHeld() {
        List<String> held = DeviceProbe.ofAll(sc, tasks);
        boolean cuda = memory == Memory.DEVICE;
        row(
                "held at the end",
                held.stream().allMatch(each -> each.contains(" held=0 ") && each.endsWith("jcuda=" + cuda)),
                held.stream().collect(Collectors.joining("; ")));
    }
}
