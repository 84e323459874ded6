// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs contracts on a host without Maven: arguments are names of test classes of this package. Exits with 1 when one fails. */
public final class ContractMain implements TestExecutionListener {
    private final PrintStream out =
            new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
    private long beganNanos;
    private int passed;
    private int failed;
    private int skipped;

    private ContractMain() {}

    /** Runs them. */
    public static void main(String[] args) {
        Launcher launcher = LauncherFactory.create();
        int bad = 0;
        for (String name : args) {
            ContractMain listener = new ContractMain();
            LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(selectClass(ContractMain.class.getPackageName() + "." + name))
                    .build();
            launcher.execute(request, listener);
            listener.out.printf(
                    "contract %s: passed=%d skipped=%d failed=%d%n",
                    name, listener.passed, listener.skipped, listener.failed);
            bad += listener.failed + (listener.passed + listener.skipped == 0 ? 1 : 0);
        }
        if (bad > 0) {
            throw new AssertionError("contracts failed=" + bad);
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        skipped++;
        out.println("contract: " + test.getDisplayName() + ": skipped: " + reason);
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        beganNanos = System.nanoTime();
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        switch (result.getStatus()) {
            case SUCCESSFUL -> {
                if (test.isTest()) {
                    passed++;
                    long millis = (System.nanoTime() - beganNanos) / 1_000_000;
                    out.println("contract: " + test.getDisplayName() + ": ok, " + millis + " ms");
                }
            }
            case ABORTED -> {
                skipped++;
                out.println("contract: " + test.getDisplayName() + ": "
                        + result.getThrowable().map(Throwable::getMessage).orElse("skipped"));
            }
            case FAILED -> {
                failed++;
                out.println("contract: " + test.getDisplayName() + ": FAILED");
                result.getThrowable().ifPresent(e -> e.printStackTrace(out));
            }
        }
    }
}
