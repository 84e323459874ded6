// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.integration.hosts.Processes;
import io.sparkmooncake.integration.program.Facts;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A submitted program: the facts that it prints, and the actions that it asks for while it runs.
 *
 * <p>Threading: a thread of its own reads and acts; the test's waits.
 */
final class Conversation {
    private final Process process;
    private final Actions actions;
    private final Thread reader;

    @GuardedBy("this")
    private final List<String> lines = new ArrayList<>();

    private Conversation(Process process, Actions actions) {
        this.process = process;
        this.actions = actions;
        this.reader = new Thread(this::read, "mooncake-conversation-" + process.pid());
        reader.setDaemon(true);
    }

    static Conversation start(List<String> command, Path log, Actions actions) throws IOException {
        Conversation conversation = new Conversation(
                new ProcessBuilder(command).redirectError(log.toFile()).start(), actions);
        conversation.reader.start();
        return conversation;
    }

    private void read() {
        try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8);
                BufferedWriter out = process.outputWriter(StandardCharsets.UTF_8)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.startsWith(Facts.REQUEST)) {
                    out.write(answer(line.substring(Facts.REQUEST.length())) + "\n");
                    out.flush();
                } else {
                    synchronized (this) {
                        lines.add(line);
                    }
                }
            }
        } catch (IOException ended) {
            // The process went away between two words; its exit code is what the test sees.
        }
    }

    private String answer(String request) {
        try {
            return actions.answer(request);
        } catch (IOException | RuntimeException e) {
            return Facts.FAILED + e.toString().replace('\n', ' ');
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Facts.FAILED + e;
        }
    }

    /** Returns whether the process and its output ended in time. */
    boolean awaitEnd(Duration deadline) throws InterruptedException {
        if (!process.waitFor(deadline.toSeconds(), TimeUnit.SECONDS)) {
            return false;
        }
        reader.join(60_000);
        return true;
    }

    int exit() {
        return process.exitValue();
    }

    synchronized Map<String, String> facts() {
        return Facts.read(lines);
    }

    /** Kills the program if it still runs. */
    void end() throws InterruptedException {
        Processes.kill(process);
    }
}
