// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Several hosts: a right result over tcp, packets of one host that vanish without a sign for a while in the middle of a stage, a
 * link that goes down for a while, and a host that is gone for good.
 */
final class LinkCut implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        int count = facts.executors();
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            Map<String, ExecutorProbe> before = executors.probe(count);
            facts.tell(
                    "hosts",
                    before.values().stream()
                            .map(ExecutorProbe::host)
                            .distinct()
                            .sorted()
                            .toList());
            timed(facts, "undisturbed", () -> new VerifiedJob(6, 1000, 20, 1).runAndVerify(sc, "undisturbed"));
            Map<String, ExecutorProbe> after = executors.cleanAndAwaitQuiet(count);
            facts.tell("tcp", Executors.sum(after, "read.bytes.tcp"));
            facts.tell("shm", Executors.sum(after, "read.bytes.shm"));

            String victim = before.values().iterator().next().host();
            for (String how : new String[] {"block", "cut"}) {
                Moment moment = new Moment(new Moment.Of(1, 2, 10), () -> {
                    facts.ask(how, victim, "-");
                    sleep(facts.number("cut-millis"));
                    facts.ask("restore", victim, "-");
                });
                disturbed(facts, sc, how, moment);
                executors.cleanAndAwaitQuiet(count);
            }
            facts.tell("restored", "true");
            disturbed(
                    facts,
                    sc,
                    "kill-host",
                    new Moment(new Moment.Of(1, 2, 10), () -> facts.ask("kill-host", victim, "-")));
        }
    }

    private static void disturbed(Facts facts, JavaSparkContext sc, String name, Moment moment) throws Exception {
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
}
