// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.opentest4j.TestAbortedException;
import org.scalatest.Args;
import org.scalatest.ConfigMap;
import org.scalatest.DynaTags;
import org.scalatest.Filter;
import org.scalatest.Suite;
import org.scalatest.Tracker;
import org.scalatest.events.Event;
import org.scalatest.events.Ordinal;
import org.scalatest.events.SuiteAborted;
import org.scalatest.events.TestCanceled;
import org.scalatest.events.TestFailed;
import org.scalatest.events.TestIgnored;
import org.scalatest.events.TestPending;
import org.scalatest.events.TestStarting;
import org.scalatest.events.TestSucceeded;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Runs one ScalaTest suite and hands each of its tests to JUnit when it starts, so that reports have its name, outcome and
 * duration.
 *
 * <p>Threading: the suite runs on a thread of its own; JUnit's thread waits for the outcome of each test in turn.
 */
final class SuiteRun {
    private static final String EXCLUDED = "excluded";
    private static final long TEST_LIMIT_MINUTES = 15;

    private final SuitePlan plan;
    private final BlockingQueue<Optional<DynamicTest>> started = new LinkedBlockingQueue<>();
    private final Map<String, CompletableFuture<Void>> outcomes = new HashMap<>();

    SuiteRun(SuitePlan plan) {
        this.plan = plan;
    }

    /** Returns the suite, which starts when the first of its tests is asked for. */
    DynamicContainer container() {
        Thread thread = new Thread(this::run, plan.className());
        thread.setDaemon(true);
        Stream<DynamicTest> tests = Stream.generate(() -> next(thread))
                .takeWhile(Optional::isPresent)
                .map(Optional::get);
        return DynamicContainer.dynamicContainer(plan.className(), tests);
    }

    private Optional<DynamicTest> next(Thread thread) {
        if (thread.getState() == Thread.State.NEW) {
            thread.start();
        }
        try {
            Optional<DynamicTest> test = started.poll(TEST_LIMIT_MINUTES, TimeUnit.MINUTES);
            if (test == null) {
                throw new IllegalStateException(
                        plan.className() + " started no test for " + TEST_LIMIT_MINUTES + " minutes");
            }
            return test;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted in " + plan.className(), e);
        }
    }

    private void run() {
        plan.settings().forEach(System::setProperty);
        try {
            Suite suite = Class.forName(plan.className())
                    .asSubclass(Suite.class)
                    .getDeclaredConstructor()
                    .newInstance();
            requireExcludedTests(CollectionConverters.asJava(suite.testNames()));
            suite.run(Option.empty(), arguments(suite)).waitUntilCompleted();
        } catch (Throwable e) {
            offer("suite aborted", CompletableFuture.failedFuture(e));
        } finally {
            plan.settings().keySet().forEach(System::clearProperty);
            outcomes.values()
                    .forEach(outcome -> outcome.completeExceptionally(new IllegalStateException("suite ended")));
            started.add(Optional.empty());
        }
    }

    private void requireExcludedTests(Set<String> tests) {
        List<String> gone =
                plan.excluded().stream().filter(test -> !tests.contains(test)).toList();
        if (!gone.isEmpty()) {
            throw new IllegalStateException(plan.className() + " has no tests to exclude: " + gone);
        }
    }

    private Args arguments(Suite suite) {
        Map<String, scala.collection.immutable.Set<String>> tags = new HashMap<>();
        plan.excluded().forEach(test -> tags.put(test, scalaSet(Set.of(EXCLUDED))));
        DynaTags excluded = new DynaTags(scalaMap(Map.of()), scalaMap(Map.of(suite.suiteId(), scalaMap(tags))));
        return new Args(
                this::accept,
                Args.apply$default$2(),
                new Filter(Option.empty(), scalaSet(Set.of(EXCLUDED, "org.scalatest.Ignore")), false, excluded),
                new ConfigMap(scalaMap(Map.of())),
                Option.empty(),
                new Tracker(new Ordinal(0)),
                scalaSet(Set.of()),
                false,
                Option.empty(),
                Option.empty());
    }

    private void accept(Event event) {
        if (event instanceof TestStarting test) {
            offer(test.testName(), outcomes.computeIfAbsent(test.testName(), name -> new CompletableFuture<>()));
        } else if (event instanceof TestSucceeded test) {
            outcome(test.testName()).complete(null);
        } else if (event instanceof TestFailed test) {
            outcome(test.testName()).completeExceptionally(cause(test.message(), test.throwable()));
        } else if (event instanceof TestCanceled test) {
            outcome(test.testName()).completeExceptionally(new TestAbortedException("canceled: " + test.message()));
        } else if (event instanceof TestPending test) {
            outcome(test.testName()).completeExceptionally(new TestAbortedException("pending"));
        } else if (event instanceof TestIgnored test) {
            offer(test.testName(), CompletableFuture.failedFuture(new TestAbortedException("ignored by Spark")));
        } else if (event instanceof SuiteAborted aborted) {
            offer("suite aborted", CompletableFuture.failedFuture(cause(aborted.message(), aborted.throwable())));
        }
    }

    private CompletableFuture<Void> outcome(String test) {
        return Objects.requireNonNull(outcomes.get(test), test);
    }

    private static Throwable cause(String message, Option<Throwable> throwable) {
        return throwable.isDefined() ? throwable.get() : new AssertionError(message);
    }

    private void offer(String test, CompletableFuture<Void> outcome) {
        String suite = plan.className().substring(plan.className().lastIndexOf('.') + 1);
        started.add(Optional.of(DynamicTest.dynamicTest(suite + ": " + test, () -> await(outcome))));
    }

    private static void await(CompletableFuture<Void> outcome) throws Throwable {
        try {
            outcome.get(TEST_LIMIT_MINUTES, TimeUnit.MINUTES);
        } catch (ExecutionException e) {
            throw Objects.requireNonNullElse(e.getCause(), e);
        } catch (TimeoutException e) {
            throw new AssertionError("no outcome after " + TEST_LIMIT_MINUTES + " minutes", e);
        }
    }

    private static <T> scala.collection.immutable.Set<T> scalaSet(Set<T> elements) {
        return CollectionConverters.asScala(elements).toSet();
    }

    private static <K, V> scala.collection.immutable.Map<K, V> scalaMap(Map<K, V> map) {
        return scala.collection.immutable.Map$.MODULE$.from(CollectionConverters.asScala(map));
    }
}
