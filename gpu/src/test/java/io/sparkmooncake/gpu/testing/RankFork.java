// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.transfer.store.HostedStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The parent's side of a {@link GpuRank}: answers its questions to the store, and sends it signals. */
final class RankFork implements AutoCloseable {
    private final Process process;

    private RankFork(Process process) {
        this.process = process;
    }

    static RankFork start(HostedStore host, Map<String, String> environment, List<String> arguments)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx512m",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                GpuRank.class.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().putAll(environment);
        Process process = builder.start();
        Thread answering = new Thread(() -> answer(process, host), "store-of-" + process.pid());
        answering.setDaemon(true);
        answering.start();
        return new RankFork(process);
    }

    private static void answer(Process process, HostedStore host) {
        try (BufferedReader asks =
                        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
                PrintStream answers = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8)) {
            String ask = asks.readLine();
            while (ask != null) {
                byte[] answer = host.answer(Base64.getDecoder().decode(ask));
                answers.println(Base64.getEncoder().encodeToString(answer));
                ask = asks.readLine();
            }
        } catch (IOException e) {
            // The child was killed in the middle of a question.
        }
    }

    /** Returns the exit status; −1 when it did not end in time. */
    int await(long seconds) throws InterruptedException {
        return process.waitFor(seconds, TimeUnit.SECONDS) ? process.exitValue() : -1;
    }

    void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .start()
                .waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
