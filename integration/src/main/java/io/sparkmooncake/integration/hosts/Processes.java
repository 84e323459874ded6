// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Short commands, and processes that must not be left behind. */
public final class Processes {
    private Processes() {}

    /** Ends {@code process} and everything that it started. */
    public static void kill(Process process) throws InterruptedException {
        List<ProcessHandle> started = process.descendants().toList();
        process.destroyForcibly();
        started.forEach(ProcessHandle::destroyForcibly);
        process.waitFor(60, TimeUnit.SECONDS);
    }

    /** Runs a short command and returns its output, or throws with it. */
    public static String run(List<String> words) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", words) + ": exit=" + process.exitValue() + " " + output.strip());
        }
        return output;
    }

    /** Returns what memory a process has: {@code name=KiB} by the names of {@code /proc}, separated by spaces. */
    public static String memory(long pid) throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
            return lines.filter(line -> line.matches("(VmHWM|VmRSS|Rss\\w+):.*"))
                    .map(line -> line.replaceAll(":\\s*(\\d+) kB", "=$1"))
                    .collect(Collectors.joining(" "));
        }
    }

    /** Deletes a folder and its contents; files that other processes delete meanwhile are ignored. */
    public static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (NoSuchFileException deletedMeanwhile) {
            delete(folder);
        }
    }

    /** Sends a signal, such as {@code STOP}; processes that are gone are ignored. */
    static void signal(String name, List<Long> pids) throws IOException, InterruptedException {
        if (pids.isEmpty()) {
            return;
        }
        List<String> words = new ArrayList<>(
                List.of("sh", "-c", "for pid in \"$@\"; do kill -s \"$0\" \"$pid\" 2>/dev/null; done; true", name));
        pids.forEach(pid -> words.add(Long.toString(pid)));
        run(words);
    }
}
