// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** The test's side of an {@link OwnerMain}: commands as methods, and signals. Used by one thread. */
public final class OwnerProcess implements AutoCloseable {
    private final Process process;
    private final Writer commands;
    private final BufferedReader answers;
    private final PeerRecord record;

    private OwnerProcess(Process process, BufferedReader answers, PeerRecord record) {
        this.process = process;
        this.commands = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
        this.answers = answers;
        this.record = record;
    }

    /** Forks an owner on this JVM's class path and waits until its transport is up. */
    public static OwnerProcess start(Class<? extends TransportFixture> fixture, String name, Path dir)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                OwnerMain.class.getName(),
                fixture.getName(),
                name,
                dir.toString()));
        Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        BufferedReader answers =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String first = answers.readLine();
        if (first == null) {
            throw new IOException("owner " + name + " ended before it printed its record; see its stderr");
        }
        return new OwnerProcess(
                process, answers, PeerRecord.decode(Base64.getDecoder().decode(first)));
    }

    /** Returns what the owner published. */
    public PeerRecord record() {
        return record;
    }

    /** Returns the owner's process id. */
    public long pid() {
        return process.pid();
    }

    /** Has the owner create and register a region of zeros. */
    public RegionDescriptor create(long sizeBytes) throws IOException {
        byte[] bytes = Base64.getDecoder().decode(ask("create " + sizeBytes));
        return RegionDescriptor.readFrom(new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    /** Has the owner create and register a region full of pattern {@code seed}. */
    public RegionDescriptor create(long sizeBytes, long seed) throws IOException {
        RegionDescriptor region = create(sizeBytes);
        fill(region, 0, sizeBytes, seed);
        return region;
    }

    /** Has the owner write a pattern. */
    public void fill(RegionDescriptor region, long offset, long length, long seed) throws IOException {
        ask("fill " + region.id() + " " + offset + " " + length + " " + seed);
    }

    /** Has the owner compare a part of its region; see {@link Pattern#mismatch}. */
    public long mismatch(RegionDescriptor region, long offset, long length, long seed, long patternOffset)
            throws IOException {
        return Long.parseLong(
                ask("mismatch " + region.id() + " " + offset + " " + length + " " + seed + " " + patternOffset));
    }

    /** Has the owner unregister a region; returns when its transport said that nothing touches it. */
    public void unregister(RegionDescriptor region) throws IOException {
        ask("unregister " + region.id());
    }

    /** Has the owner give up its count on a region. */
    public void release(RegionDescriptor region) throws IOException {
        ask("release " + region.id());
    }

    /** Returns how many requests the owner counted as refused. */
    public long refusedRequests() throws IOException {
        return Long.parseLong(ask("refused"));
    }

    /** Ends the owner at once and waits until the kernel says so. */
    public void kill() {
        process.destroyForcibly().onExit().orTimeout(60, TimeUnit.SECONDS).join();
    }

    /** Stops every thread of the owner, and returns when each stands still: on a busy machine that takes a while. */
    public void freeze() throws IOException, InterruptedException {
        signal("STOP");
        Awaitility.await().atMost(Duration.ofMinutes(2)).until(this::standsStill);
    }

    private boolean standsStill() throws IOException {
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/" + pid() + "/task"))) {
            for (Path thread : threads) {
                String stat = Files.readString(thread.resolve("stat"));
                if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
                    return false;
                }
            }
            return true;
        }
    }

    /** Lets a frozen owner go on. */
    public void thaw() throws IOException, InterruptedException {
        signal("CONT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        int status = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .inheritIO()
                .start()
                .waitFor();
        if (status != 0) {
            throw new IOException("kill -" + name + " " + process.pid() + " ended with status " + status);
        }
    }

    private String ask(String command) throws IOException {
        commands.write(command + "\n");
        commands.flush();
        String answer = answers.readLine();
        if (answer == null || answer.startsWith("unknown")) {
            throw new IOException("owner " + record.describe() + " answered " + answer + " to " + command);
        }
        return answer;
    }

    @Override
    public void close() throws IOException {
        try {
            commands.close();
        } catch (IOException e) {
            // A killed owner does not read its commands any more.
            process.destroyForcibly();
        }
        process.onExit().completeOnTimeout(process, 60, TimeUnit.SECONDS).join();
        kill();
        answers.close();
    }
}
