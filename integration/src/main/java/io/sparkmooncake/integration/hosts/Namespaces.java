// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Namespaces of their own for network, processes, mounts, host name and IPC, and the process that holds them.
 *
 * <p>That process, number 1 among its own, ends when its input does. The input is a pipe whose other end is in this JVM, so
 * that whatever ends the JVM also ends every process in the namespaces, and the kernel then frees the rest.
 *
 * <p>Threading: any thread.
 */
final class Namespaces implements AutoCloseable {
    private static final List<String> KINDS = List.of("net", "pid", "mnt", "uts", "ipc");
    private static final String READY = "ready";

    private final Process process;
    private final long first;

    private Namespaces(Process process, long first) {
        this.process = process;
        this.first = first;
    }

    /**
     * Makes namespaces and runs the steps of {@code script}, in which {@code arguments} are {@code $1} and so on.
     *
     * @throws IOException if they could not be made; the message has what the tools printed
     */
    static Namespaces make(String script, List<String> arguments) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(
                "unshare",
                "--fork",
                "--kill-child",
                "--net",
                "--pid",
                "--mount",
                "--uts",
                "--ipc",
                "--mount-proc",
                "sh",
                "-c",
                // Not the last command, or the shell would become it and no longer reap orphans.
                "set -e; " + script + "\necho " + READY + "; cat >/dev/null; exit 0",
                "sh"));
        words.addAll(arguments);
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        Namespaces made = null;
        try {
            String output = firstLines(process);
            List<ProcessHandle> children = process.children().toList();
            if (!output.equals(READY) || children.size() != 1) {
                throw new IOException("unshare made no namespaces (root is needed): " + output);
            }
            Namespaces candidate = new Namespaces(process, children.get(0).pid());
            candidate.requireOwn();
            made = candidate;
            return made;
        } finally {
            if (made == null) {
                Processes.kill(process);
            }
        }
    }

    /** Returns {@value #READY}, or everything that was printed instead of it. */
    private static String firstLines(Process process) throws IOException {
        StringBuilder output = new StringBuilder();
        var lines = process.inputReader(StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.equals(READY)) {
                return READY;
            }
            output.append(line).append(' ');
        }
        return output.toString();
    }

    /** A command that ran in the machine's own namespaces by mistake could break the machine. */
    private void requireOwn() throws IOException {
        for (String kind : KINDS) {
            Path mine = Path.of("/proc/self/ns", kind);
            Path its = Path.of("/proc", Long.toString(first), "ns", kind);
            if (Files.readSymbolicLink(mine).equals(Files.readSymbolicLink(its))) {
                throw new IOException("process " + first + " is in the machine's own namespace " + kind);
            }
        }
    }

    /** Returns the process 1 of these namespaces, as the machine numbers it. */
    long first() {
        return first;
    }

    /** Returns the words before a command that runs in all of them. */
    List<String> enter() {
        return List.of(
                "nsenter", "--target", Long.toString(first), "--net", "--pid", "--mount", "--uts", "--ipc", "--");
    }

    /** Runs a short command of the machine in their network alone. */
    String runOnNetwork(String... command) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of("nsenter", "--target", Long.toString(first), "--net", "--"));
        words.addAll(List.of(command));
        return Processes.run(words);
    }

    /** Returns the other processes, as the machine numbers them. */
    List<Long> processes() throws IOException {
        Path own = Files.readSymbolicLink(Path.of("/proc", Long.toString(first), "ns", "pid"));
        try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
            return entries.map(entry -> entry.getFileName().toString())
                    .filter(name -> Character.isDigit(name.charAt(0)))
                    .map(Long::valueOf)
                    .filter(pid -> pid != first && isIn(own, pid))
                    .toList();
        }
    }

    /** Returns the processes outside, each of which started one of {@code pids} here. */
    List<Long> entrances(List<Long> pids) throws IOException {
        List<Long> inside = processes();
        return pids.stream()
                .flatMap(pid -> ProcessHandle.of(pid).flatMap(ProcessHandle::parent).map(ProcessHandle::pid).stream())
                .filter(pid -> pid != first && pid != process.pid() && !inside.contains(pid))
                .filter(pid -> pid != ProcessHandle.current().pid())
                .toList();
    }

    private static boolean isIn(Path namespace, long pid) {
        try {
            return Files.readSymbolicLink(Path.of("/proc", Long.toString(pid), "ns", "pid"))
                    .equals(namespace);
        } catch (IOException ended) {
            return false;
        }
    }

    /** Returns the number of a process in these namespaces, or 0 if it is gone. */
    static long innerPid(long pid) {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
            return lines.filter(line -> line.startsWith("NSpid:"))
                    .map(line -> line.substring(line.lastIndexOf('\t') + 1))
                    .mapToLong(Long::parseLong)
                    .findFirst()
                    .orElse(0);
        } catch (IOException | UncheckedIOException ended) {
            return 0;
        }
    }

    /** Ends every process. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(60, TimeUnit.SECONDS);
            // It ends after its parent; the kernel has then ended all others, too.
            for (int tries = 0; tries < 600 && Files.exists(Path.of("/proc", Long.toString(first))); tries++) {
                Thread.sleep(100);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
