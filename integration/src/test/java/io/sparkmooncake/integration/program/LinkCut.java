// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Two hosts: a right result over tcp, packets that vanish without a word for a while in the middle of a stage, a link that goes
 * down for a while, and a host that is gone for good. It runs on the first host, whose end of the link it breaks.
 */
final class LinkCut implements Program {
    /** A hardware address that no interface has: what is sent there is lost, and nobody is told. */
    private static final String NOBODY = "02:00:00:00:00:99";

    @Override
    public void run(Facts facts) throws Exception {
        String link = facts.argument("link");
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            Map<String, ExecutorProbe> before = executors.probe(2);
            facts.tell(
                    "hosts",
                    before.values().stream().map(ExecutorProbe::host).sorted().toList());
            timed(facts, "undisturbed", () -> new VerifiedJob(6, 1000, 20, 1).runAndVerify(sc, "undisturbed"));
            Map<String, ExecutorProbe> after = executors.cleanAndAwaitQuiet(2);
            facts.tell("tcp", sum(after, "read.bytes.tcp"));
            facts.tell("shm", sum(after, "read.bytes.shm"));

            String other = facts.argument("other");
            cut(facts, sc, "packets-lost", () -> {
                ip("neighbour", "replace", other, "lladdr", NOBODY, "dev", link, "nud", "permanent");
                sleep(facts.number("cut-millis"));
                ip("neighbour", "delete", other, "dev", link);
            });
            executors.cleanAndAwaitQuiet(2);
            cut(facts, sc, "link-cut", () -> {
                set(link, "down");
                sleep(facts.number("cut-millis"));
                set(link, "up");
            });
            executors.cleanAndAwaitQuiet(2);
            facts.tell("restored", "true");

            Moment gone = new Moment(new Moment.Of(1, 2, 10), () -> set(link, "down"));
            sc.sc().addSparkListener(gone);
            timed(facts, "host-gone", () -> new VerifiedJob(6, 1000, 50, 3).runAndVerify(sc, "host gone"));
            gone.awaitHappened();
        } finally {
            set(link, "up");
        }
    }

    private static void cut(Facts facts, JavaSparkContext sc, String name, Runnable action) throws Exception {
        Moment moment = new Moment(new Moment.Of(1, 2, 10), action);
        sc.sc().addSparkListener(moment);
        timed(facts, name, () -> new VerifiedJob(6, 1000, 50, 2).runAndVerify(sc, name));
        moment.awaitHappened();
        sc.sc().removeSparkListener(moment);
    }

    private static void timed(Facts facts, String name, Runnable work) {
        long start = System.nanoTime();
        work.run();
        facts.tell(name, (System.nanoTime() - start) / 1_000_000);
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void set(String link, String state) {
        ip("link", "set", link, state);
    }

    private static void ip(String... arguments) {
        List<String> words = new ArrayList<>(List.of("ip"));
        words.addAll(List.of(arguments));
        try {
            Process process =
                    new ProcessBuilder(words).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            Facts.require(process.waitFor() == 0, words, said);
        } catch (IOException e) {
            throw new IllegalStateException(words.toString(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static long sum(Map<String, ExecutorProbe> probes, String gauge) {
        return probes.values().stream().mapToLong(probe -> probe.gauge(gauge)).sum();
    }
}
