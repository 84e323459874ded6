// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Kills executors at random moments, one per seed, and cancels jobs; after each the result is right and nothing is left. One
 * executor is never killed: it must not grow.
 */
final class Kills implements Program {
    /** Connections to a peer, and their threads, that come and go; a leak of one per seed shows within a heavy run. */
    private static final int SLACK_PER_EXECUTOR = 6;

    /** A pool that grows with what comes at once, up to its limit. */
    private static final String CONTROL_POOL = "mooncake-control-#-#";

    private static final int CONTROL_THREADS = 16;

    /** Up to 128 threads for unregistering, each of which Spark keeps for a minute. */
    private static final String SPARKS_CACHED_POOL = "block-manager-storage-async-thread-pool-";

    private enum When {
        MAP,
        MIDDLE,
        LAST,
        BETWEEN,
        CANCEL
    }

    private final List<ExecutorProbe> survivor = new ArrayList<>();

    @Override
    public void run(Facts facts) throws Exception {
        int first = facts.number("first");
        int seeds = facts.number("seeds");
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            new VerifiedJob(8, 1000, 0, 0).runAndVerify(sc, "before any kill");
            String survivorId = executors
                    .cleanAndAwaitQuiet(facts.executors())
                    .keySet()
                    .iterator()
                    .next();
            for (int seed = first; seed < first + seeds; seed++) {
                long start = System.nanoTime();
                When when = When.values()[seed % When.values().length];
                if (when == When.CANCEL) {
                    cancel(sc, seed);
                } else {
                    kill(facts, sc, executors, survivorId, when, seed);
                }
                ExecutorProbe probe = nothingIsLeft(facts, executors, survivorId);
                survivor.add(probe);
                facts.tell(
                        "seed." + seed,
                        when + " millis=" + (System.nanoTime() - start) / 1_000_000 + " descriptors="
                                + probe.descriptors() + " threads="
                                + probe.threads().size() + " segments="
                                + probe.segments().size());
            }
            requireNoGrowth(SLACK_PER_EXECUTOR * facts.executors());
            killAll(facts, sc, executors);
            facts.tell("seeds", seeds);
        }
    }

    private static void kill(
            Facts facts, JavaSparkContext sc, Executors executors, String survivorId, When when, int seed)
            throws Exception {
        Random random = new Random(seed);
        ExecutorProbe victim = executors.probe(facts.executors()).values().stream()
                .filter(probe -> !probe.id().equals(survivorId))
                .findFirst()
                .orElseThrow();
        VerifiedJob job = new VerifiedJob(8, 500 + random.nextInt(1500), 30 + random.nextInt(70), seed);
        int task = 1 + random.nextInt(job.tasks() - 1);
        long delay = random.nextInt(2 * job.taskMillis());
        Moment.Of at = switch (when) {
            case MAP -> new Moment.Of(0, task, delay);
            case MIDDLE -> new Moment.Of(1, task, delay);
            case LAST -> new Moment.Of(2, task, delay);
            case BETWEEN, CANCEL -> new Moment.Of(random.nextInt(2), 0, 0);
        };
        Moment moment = new Moment(at, () -> facts.kill(victim));
        sc.sc().addSparkListener(moment);
        job.runAndVerify(sc, "seed=" + seed + " " + when + " " + at);
        moment.awaitHappened();
        sc.sc().removeSparkListener(moment);
        Executors.await("the end of " + victim.id(), () -> !facts.isAlive(victim));
    }

    private static void cancel(JavaSparkContext sc, int seed) throws Exception {
        Random random = new Random(seed);
        VerifiedJob job = new VerifiedJob(8, 1500, 60, seed);
        Moment.Of at = new Moment.Of(random.nextInt(3), 1 + random.nextInt(6), random.nextInt(60));
        Moment moment = new Moment(at, () -> sc.cancelJobGroup("cancelled"));
        sc.sc().addSparkListener(moment);
        sc.setJobGroup("cancelled", "a job that its driver cancels", true);
        try {
            job.runAndVerify(sc, "seed=" + seed);
            throw new IllegalStateException("the job was not cancelled at " + at);
        } catch (Exception cancelled) {
            Facts.require(String.valueOf(cancelled).contains("cancelled"), "another failure", cancelled);
        } finally {
            sc.clearJobGroup();
            sc.sc().removeSparkListener(moment);
        }
        job.runAndVerify(sc, "after a cancelled job, seed=" + seed);
    }

    private ExecutorProbe nothingIsLeft(Facts facts, Executors executors, String survivorId) throws Exception {
        int segments = survivor.isEmpty()
                ? Integer.MAX_VALUE
                : survivor.get(0).segments().size() + 2;
        AtomicReference<ExecutorProbe> last = new AtomicReference<>();
        // Memory that is free is idle for a while before it is unmapped.
        Executors.await("at most " + segments + " segments of executor " + survivorId, () -> {
            ExecutorProbe probe = quiet(facts, executors, survivorId);
            last.set(probe);
            return probe.segments().size() <= segments;
        });
        return Objects.requireNonNull(last.get());
    }

    private static ExecutorProbe quiet(Facts facts, Executors executors, String survivorId) throws Exception {
        Map<String, ExecutorProbe> probes = executors.cleanAndAwaitQuiet(facts.executors());
        List<String> left = executors.namedSegments(probes);
        Facts.require(left.isEmpty(), "files left in /dev/shm", left);
        ExecutorProbe probe = probes.get(survivorId);
        Facts.require(probe != null, "executor", survivorId, "was not killed by us and is gone", probes.keySet());
        return Objects.requireNonNull(probe);
    }

    private void requireNoGrowth(int slack) {
        if (survivor.size() < 2) {
            return;
        }
        ExecutorProbe early = survivor.get(Math.min(2, survivor.size() - 2));
        ExecutorProbe late = survivor.get(survivor.size() - 1);
        Facts.require(
                late.descriptors() <= early.descriptors() + slack,
                "descriptors grew from",
                early.descriptors(),
                "to",
                late.descriptors());
        List<String> more = roles(late);
        roles(early).forEach(more::remove);
        int services = Collections.frequency(roles(late), CONTROL_POOL);
        Facts.require(services <= CONTROL_THREADS, "control threads:", services);
        more.removeIf(CONTROL_POOL::equals);
        Facts.require(more.size() <= slack, "threads grew by", more);
        more.removeIf(name -> !name.startsWith("mooncake-"));
        Facts.require(more.size() <= slack / 6, "threads of ours grew by", more);
    }

    /** The names of the threads without their numbers, so that a pool that replaces its threads does not seem to grow. */
    private static List<String> roles(ExecutorProbe probe) {
        return new ArrayList<>(probe.threads().stream()
                .filter(name -> !name.startsWith(SPARKS_CACHED_POOL))
                .map(name -> name.replaceAll("[0-9]+", "#"))
                .toList());
    }

    /** The last one goes, too: everything is computed again on executors that nobody knew. */
    private static void killAll(Facts facts, JavaSparkContext sc, Executors executors) throws Exception {
        Map<String, ExecutorProbe> all = executors.probe(facts.executors());
        Moment moment = new Moment(new Moment.Of(1, 3, 20), () -> all.values().forEach(facts::kill));
        sc.sc().addSparkListener(moment);
        new VerifiedJob(8, 1000, 50, -1).runAndVerify(sc, "after every executor was killed");
        moment.awaitHappened();
        List<String> left = executors.namedSegments(executors.cleanAndAwaitQuiet(facts.executors()));
        Facts.require(left.isEmpty(), "files left in /dev/shm", left);
    }
}
