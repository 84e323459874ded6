// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.integration.example.LogisticRegression;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.feature.LabeledPoint;
import org.apache.spark.sql.SparkSession;

/** The application of {@code bin/demo ml}: a loop that tells of every iteration, and Spark ML on the same rows. */
public final class MlDemo {
    /** Every argument the application takes. */
    public static final Set<String> ARGUMENTS = Set.of("rows", "features", "iterations");

    private static final double LAMBDA = 0.001;
    private static final long LINES_MILLIS = 5_000;

    private MlDemo() {}

    /** Entry point for {@code spark-submit}. */
    public static void main(String[] words) throws IOException, InterruptedException, TimeoutException {
        Arguments arguments = Arguments.parse(words, ARGUMENTS);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        int rows = arguments.count("rows", 10_000);
        int features = arguments.count("features", 1_000);
        int iterations = arguments.count("iterations", 30);
        SparkSession spark = SparkSession.builder().appName("demo ml").getOrCreate();
        try {
            JavaRDD<LabeledPoint> data = MlData.dense(new JavaSparkContext(spark.sparkContext()), rows, features, 2);
            out.println(
                    "logistic regression, rows=" + rows + " features=" + features + ", one stage of two executors:");
            try (ServerSocket port = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                Thread reader = new Thread(() -> print(port, out), "mooncake-progress-driver");
                reader.setDaemon(true);
                reader.start();
                LogisticRegression.train(data, features, LAMBDA, iterations, new ProgressLines(port.getLocalPort()));
                reader.join(LINES_MILLIS);
            }
            out.println("Spark ML on the same rows, one job per iteration:");
            LogisticLoop loop = new LogisticLoop(
                    spark,
                    Arguments.parse(
                            new String[] {
                                "--rows", "" + rows, "--features", "" + features, "--iterations", "" + iterations
                            },
                            MlMain.ARGUMENTS),
                    false);
            MlRun run = loop.sparkMl(1);
            double median = run.iterationMillis().stream()
                    .sorted()
                    .skip(run.iterationMillis().size() / 2)
                    .findFirst()
                    .orElse(Double.NaN);
            out.println(String.format(
                    Locale.ROOT,
                    "  %d iterations  objective %.6f  %8.3f ms each (median)",
                    iterations,
                    run.objective(),
                    median));
        } finally {
            spark.stop();
        }
    }

    private static void print(ServerSocket port, PrintStream out) {
        try (Socket rank = port.accept();
                BufferedReader lines =
                        new BufferedReader(new InputStreamReader(rank.getInputStream(), StandardCharsets.UTF_8))) {
            lines.lines().forEach(out::println);
        } catch (IOException e) {
            out.println("  no more progress: " + e);
        }
    }
}
