// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A cgroup, of version 1 or 2, that limits the memory of the processes in it.
 *
 * @param folder its folder
 */
record MemoryLimit(Path folder) implements AutoCloseable {
    private static final Path UNIFIED = Path.of("/sys/fs/cgroup");
    private static final Path MEMORY = UNIFIED.resolve("memory");
    private static final String PREFIX = "mooncake-hosts-";

    /** Returns why no cgroup can be made here, or empty. */
    static Optional<String> missing() {
        Path parent = parent();
        if (!Files.isWritable(parent) || !Files.exists(parent.resolve("cgroup.procs"))) {
            return Optional.of("no writable cgroup of memory in " + parent);
        }
        try {
            make("probe", 64L << 20).close();
            return Optional.empty();
        } catch (IOException refused) {
            return Optional.of("no cgroup can be made in " + parent + ": " + refused);
        }
    }

    private static Path parent() {
        return Files.isDirectory(MEMORY) ? MEMORY : UNIFIED;
    }

    /** Makes a cgroup named after this process and {@code name}. */
    static MemoryLimit make(String name, long bytes) throws IOException {
        Path parent = parent();
        Path folder = Files.createDirectory(
                parent.resolve(PREFIX + ProcessHandle.current().pid() + "-" + name));
        MemoryLimit limit = new MemoryLimit(folder);
        boolean isMade = false;
        try {
            if (parent.equals(UNIFIED) && !Files.exists(folder.resolve("memory.max"))) {
                write(parent.resolve("cgroup.subtree_control"), "+memory");
            }
            write(
                    folder.resolve(parent.equals(UNIFIED) ? "memory.max" : "memory.limit_in_bytes"),
                    Long.toString(bytes));
            isMade = true;
            return limit;
        } finally {
            if (!isMade) {
                limit.close();
            }
        }
    }

    private static void write(Path file, String text) throws IOException {
        Files.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the most that its processes have had, cached pages of files included. */
    long peakBytes() throws IOException {
        Path old = folder.resolve("memory.max_usage_in_bytes");
        return Long.parseLong(Files.readString(Files.exists(old) ? old : folder.resolve("memory.peak"))
                .strip());
    }

    /** Returns the words before a command that runs in it. */
    List<String> enter() {
        return List.of(
                "sh",
                "-c",
                "echo 0 >\"$0\" && exec \"$@\"",
                folder.resolve("cgroup.procs").toString());
    }

    /** Removes it after its processes have ended. */
    @Override
    public void close() {
        for (int tries = 0; tries < 100 && Files.exists(folder); tries++) {
            try {
                Files.delete(folder);
            } catch (IOException stillInUse) {
                pause();
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(100);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Removes the cgroups of processes that ended without closing theirs. */
    static void sweep() throws IOException {
        if (!Files.isDirectory(parent())) {
            return;
        }
        try (Stream<Path> folders = Files.list(parent())) {
            for (Path folder : folders.filter(MemoryLimit::isAbandoned).toList()) {
                removeIfUnused(folder);
            }
        }
    }

    private static void removeIfUnused(Path folder) {
        try {
            Files.deleteIfExists(folder);
        } catch (IOException inUseOrNotOurs) {
            // The next sweep may succeed.
        }
    }

    private static boolean isAbandoned(Path folder) {
        String name = folder.getFileName().toString();
        if (!name.startsWith(PREFIX)) {
            return false;
        }
        String pid = name.substring(PREFIX.length()).replaceAll("-.*", "");
        return ProcessHandle.of(Long.parseLong(pid)).isEmpty();
    }
}
