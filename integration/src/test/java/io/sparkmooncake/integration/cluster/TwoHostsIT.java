// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A standalone cluster on two hosts with a network between them that fails. */
final class TwoHostsIT {
    private static final String MASTER = "spark://" + Hosts.FIRST_ADDRESS + ":7077";
    private static final int CUT_MILLIS = 4_000;

    @Test
    void tcpCarriesTheShuffleAndOutlivesTheLink() throws IOException, InterruptedException {
        Optional<String> missing = Hosts.missing();
        assumeTrue(missing.isEmpty(), () -> "skipped: " + missing.orElse(""));
        Submission submission = Submission.of("4.1.3", "link-cut")
                .master(MASTER)
                .conf("spark.driver.host", Hosts.FIRST_ADDRESS)
                .conf("spark.cores.max", "2")
                .conf("spark.network.timeout", "12s")
                .conf("spark.network.timeoutInterval", "3s")
                .conf("spark.executor.heartbeatInterval", "2s")
                .conf("spark.mooncake.transfer.paths", "tcp")
                .conf("spark.mooncake.transfer.timeout", "3s")
                .conf("spark.mooncake.connect.timeout", "5s")
                .argument("cut-millis", CUT_MILLIS);
        try (Hosts hosts = Hosts.make()) {
            startCluster(hosts, submission.folder());
            Map<String, String> facts = submission
                    .through(hosts.onFirst())
                    .argument("link", hosts.link())
                    .argument("other", Hosts.SECOND_ADDRESS)
                    .run();
            assertThat(facts)
                    .containsEntry(
                            "hosts",
                            List.of(Hosts.FIRST_ADDRESS, Hosts.SECOND_ADDRESS).toString())
                    .containsEntry("shm", "0")
                    .containsEntry("restored", "true");
            assertThat(Long.parseLong(facts.get("tcp"))).isPositive();
        }
    }

    private static void startCluster(Hosts hosts, Path home) throws IOException {
        Path log = home.resolve("master.log");
        hosts.start(
                hosts.onFirst(),
                daemon(home, "master.Master", "--host", Hosts.FIRST_ADDRESS, "--port", "7077", "--webui-port", "0"),
                log);
        await().atMost(Duration.ofSeconds(60)).until(() -> said(log, "I have been elected leader"));
        hosts.start(hosts.onFirst(), worker(home, Hosts.FIRST_ADDRESS), home.resolve("worker-1.log"));
        hosts.start(hosts.onSecond(), worker(home, Hosts.SECOND_ADDRESS), home.resolve("worker-2.log"));
        await().atMost(Duration.ofSeconds(60))
                .until(() -> said(log, "Registering worker " + Hosts.FIRST_ADDRESS)
                        && said(log, "Registering worker " + Hosts.SECOND_ADDRESS));
    }

    private static boolean said(Path log, String words) throws IOException {
        return Files.exists(log) && Files.readString(log).contains(words);
    }

    private static List<String> worker(Path home, String address) {
        return daemon(
                home,
                "worker.Worker",
                "--host",
                address,
                "--webui-port",
                "0",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--work-dir",
                home.resolve("work").resolve(address).toString(),
                MASTER);
    }

    private static List<String> daemon(Path home, String name, String... arguments) {
        List<String> words = new ArrayList<>(List.of(
                "SPARK_HOME=" + home,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-cp",
                home.resolve("jars") + "/*",
                "org.apache.spark.deploy." + name));
        words.addAll(List.of(arguments));
        return words;
    }
}
