// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.transfer.store.HostedStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The test's side of a {@link RankMain}: answers its questions to the store, and sends it signals. */
public final class RankJvm implements AutoCloseable {
    private final Process process;

    private RankJvm(Process process) {
        this.process = process;
    }

    /** Forks a rank; see {@link RankMain} for the numbers. */
    public static RankJvm start(HostedStore host, int rank, int size, int times, int timeoutSeconds)
            throws IOException {
        return start(host, rank, size, times, timeoutSeconds, 60);
    }

    /** As the other one, with a limit for connecting. */
    public static RankJvm start(HostedStore host, int rank, int size, int times, int timeoutSeconds, int connectSeconds)
            throws IOException {
        return start(host, numbers(rank, size, times, timeoutSeconds, connectSeconds), "reduce");
    }

    /** Forks a rank that does a work; see {@link RankMain} for the works and numbers. */
    public static RankJvm start(HostedStore host, int rank, int size, int times, int timeoutSeconds, String work)
            throws IOException {
        return start(host, numbers(rank, size, times, timeoutSeconds, 60), work);
    }

    private static RankJvm start(HostedStore host, List<String> numbers, String work) throws IOException {
        List<String> arguments = new ArrayList<>(numbers);
        arguments.add(work);
        return start(host, RankMain.class, arguments);
    }

    private static List<String> numbers(int... numbers) {
        return Arrays.stream(numbers).mapToObj(Integer::toString).toList();
    }

    /** Forks a program whose store is asked over its standard output. */
    public static RankJvm start(HostedStore host, Class<?> main, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx128m",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Thread answering = new Thread(() -> answer(process, host), "store-of-" + process.pid());
        answering.setDaemon(true);
        answering.start();
        return new RankJvm(process);
    }

    /** Forks the ranks of a host; see {@link HostMain} for the arguments. */
    public static RankJvm startHost(HostedStore host, List<String> prefix, String... arguments) throws IOException {
        List<String> words = new ArrayList<>(prefix);
        words.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx1g",
                "-Dio.netty.tryReflectionSetAccessible=true",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                HostMain.class.getName()));
        words.addAll(List.of(arguments));
        Process process = new ProcessBuilder(words)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Thread answering = new Thread(() -> answer(process, host), "store-of-" + arguments[0]);
        answering.setDaemon(true);
        answering.start();
        return new RankJvm(process);
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

    /** Tells that it has not ended yet. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** Returns how the child ended; only once it has. */
    public int exitValue() {
        return process.exitValue();
    }

    /** Ends the child at once. */
    public void kill() {
        process.destroyForcibly().onExit().orTimeout(30, TimeUnit.SECONDS).join();
    }

    /** Stops every thread of the child. */
    public void freeze() throws IOException, InterruptedException {
        signal("STOP");
    }

    /** Lets the child go on. */
    public void thaw() throws IOException, InterruptedException {
        signal("CONT");
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
