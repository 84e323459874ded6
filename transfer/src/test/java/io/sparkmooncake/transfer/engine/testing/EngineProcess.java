// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.transfer.store.HostedStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The test's side of an {@link EngineMain}: answers its questions to the store, and sends it signals. */
public final class EngineProcess implements AutoCloseable {
    static final String SECRET = "the secret of the test application";

    private final Process process;

    private EngineProcess(Process process) {
        this.process = process;
    }

    /** Forks an executor that joins the host's store. */
    public static EngineProcess start(String name, long epoch, String paths, HostedStore host) throws IOException {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx256m",
                        "--add-opens=java.base/java.nio=ALL-UNNAMED",
                        "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                        "--add-opens=java.base/java.lang=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        EngineMain.class.getName(),
                        name,
                        Long.toString(epoch),
                        paths))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Thread answering = new Thread(() -> answer(process, host), "store-of-" + name);
        answering.setDaemon(true);
        answering.start();
        return new EngineProcess(process);
    }

    /** Returns the secret that parent and child share. */
    public static byte[] secret() {
        return SECRET.getBytes(StandardCharsets.UTF_8);
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

    /** Returns the child's process id. */
    public long pid() {
        return process.pid();
    }

    /** Ends the child at once. */
    public void kill() {
        process.destroyForcibly().onExit().orTimeout(60, TimeUnit.SECONDS).join();
    }

    /** Stops every thread of the child. */
    public void freeze() throws IOException, InterruptedException {
        signal("STOP");
    }

    /** Lets the child go on. */
    public void thaw() throws IOException, InterruptedException {
        signal("CONT");
    }

    /** Waits until the child has ended by itself and returns its exit code. */
    public int await() throws InterruptedException {
        return process.waitFor(60, TimeUnit.SECONDS) ? process.exitValue() : -1;
    }

    private void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .start()
                .waitFor();
    }

    @Override
    public void close() {
        kill();
    }
}
