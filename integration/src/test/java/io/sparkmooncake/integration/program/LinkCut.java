// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Two hosts: a right result over tcp, a link that goes down for a while in the middle of a stage, and a host that is gone for
 * good. It runs on the first host, whose end of the link it takes down.
 */
final class LinkCut implements Program {
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

            cut(facts, sc, new Moment.Of(1, 2, 10), () -> {
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

    private static void cut(Facts facts, JavaSparkContext sc, Moment.Of at, Runnable action) throws Exception {
        Moment moment = new Moment(at, action);
        sc.sc().addSparkListener(moment);
        timed(facts, "link-cut", () -> new VerifiedJob(6, 1000, 50, 2).runAndVerify(sc, "link cut"));
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
        List<String> words = List.of("ip", "link", "set", link, state);
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
