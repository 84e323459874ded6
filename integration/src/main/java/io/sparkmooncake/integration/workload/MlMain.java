// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.SparkSession;

/** The application: runs a loop with all-reduces and the same with Spark ML in turns, and prints one {@link MlRun} per run. */
public final class MlMain {
    /** Every argument the application takes. */
    public static final Set<String> ARGUMENTS =
            Set.of("work", "rows", "features", "clusters", "tasks", "iterations", "rounds");

    private MlMain() {}

    /** Entry point for {@code spark-submit}. */
    public static void main(String[] words) throws JsonProcessingException, TimeoutException {
        Arguments arguments = Arguments.parse(words, ARGUMENTS);
        SparkSession spark = SparkSession.builder().getOrCreate();
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        ObjectMapper json = new ObjectMapper();
        try {
            MlLoop loop = loop(spark, arguments);
            for (int round = 0; round <= arguments.count("rounds", 2); round++) {
                boolean oursFirst = round % 2 == 0;
                for (boolean ours : new boolean[] {oursFirst, !oursFirst}) {
                    MlRun run = ours ? loop.ours(round) : loop.sparkMl(round);
                    out.println(json.writeValueAsString(run));
                }
            }
        } finally {
            spark.stop();
        }
    }

    private static MlLoop loop(SparkSession spark, Arguments arguments) {
        String work = arguments.text("work", "logistic");
        return switch (work) {
            case "logistic", "sparse" -> new LogisticLoop(spark, arguments, work.equals("sparse"));
            case "k-means" -> new KMeansLoop(spark, arguments);
            case "gradient" -> new GradientLoop(spark, arguments);
            default ->
                throw new IllegalArgumentException(
                        "no work '" + work + "'; known: logistic, sparse, k-means, gradient");
        };
    }
}
