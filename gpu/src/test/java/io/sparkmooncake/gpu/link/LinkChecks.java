// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Cuda;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Transports of device memory on a host with devices. Arguments: {@code engines}, {@code faults} or {@code bench}. */
public final class LinkChecks {
    private final PrintStream out =
            new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
    private int failed;

    private LinkChecks() {}

    /** What may fail. */
    @FunctionalInterface
    interface Check {
        /** Runs once. */
        void run() throws Exception;
    }

    /** Runs one kind of checks. */
    public static void main(String[] args) throws Exception {
        LinkChecks checks = new LinkChecks();
        if (!Cuda.isAvailable()) {
            checks.say("links: there is no device: %s", Cuda.unavailabilityCause());
            throw new AssertionError(Cuda.unavailabilityCause());
        }
        switch (args[0]) {
            case "engines" -> new LinkEngines(checks).run();
            case "faults" -> new LinkFaults(checks).run();
            case "bench" -> new LinkBench(checks).run();
            default -> throw new IllegalArgumentException(args[0]);
        }
        if (checks.failed > 0) {
            throw new AssertionError(args[0] + ": failures=" + checks.failed);
        }
    }

    void check(String what, Check check) {
        try {
            check.run();
            say("links: %s: ok", what);
        } catch (Exception | AssertionError e) {
            failed++;
            say("links: %s: FAILED", what);
            e.printStackTrace(out);
        }
    }

    void say(String format, Object... arguments) {
        out.println(String.format(Locale.ROOT, format, arguments));
    }
}
