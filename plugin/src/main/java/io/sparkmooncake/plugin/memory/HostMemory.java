// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads what the machine and the cgroups of this process have left, from {@code /proc} and {@code /sys/fs/cgroup} (version 1 and
 * 2). What is missing or unreadable sets no limit. Threading: safe from any thread.
 */
public final class HostMemory {
    /** Version 1 reports "no limit" as a number near 2^63. */
    private static final long NO_LIMIT_BYTES = 1L << 60;

    private final Path proc;
    private final Path cgroups;

    /** The files that hold a cgroup's figures in one of the versions. */
    private record Names(String limit, String usage, String pages, String shared) {}

    private static final Names VERSION_1 =
            new Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache", "total_shmem");
    private static final Names VERSION_2 = new Names("memory.max", "memory.current", "file", "shmem");

    /**
     * Reads below a directory.
     *
     * @param root {@code /}, or a test's directory
     */
    public HostMemory(Path root) {
        this.proc = root.resolve("proc");
        this.cgroups = root.resolve("sys/fs/cgroup");
    }

    /** Returns the machine and every cgroup with a limit, from the innermost outwards. */
    public List<Ceiling> ceilings() {
        List<Ceiling> found = new ArrayList<>();
        OptionalLong total = field(proc.resolve("meminfo"), "MemTotal:");
        OptionalLong available = field(proc.resolve("meminfo"), "MemAvailable:");
        if (total.isPresent() && available.isPresent()) {
            long bytes = total.getAsLong() << 10;
            found.add(new Ceiling("the machine", bytes, bytes - (available.getAsLong() << 10)));
        }
        for (String line : text(proc.resolve("self/cgroup")).split("\n", -1)) {
            String[] parts = line.split(":", 3);
            if (parts.length == 3 && parts[0].equals("0") && parts[1].isEmpty()) {
                addCgroups(cgroups, parts[2], VERSION_2, found);
            } else if (parts.length == 3 && List.of(parts[1].split(",", -1)).contains("memory")) {
                addCgroups(cgroups.resolve("memory"), parts[2], VERSION_1, found);
            }
        }
        return found;
    }

    /** Returns the memory that this process holds now; 0 if it cannot be read. */
    public long residentBytes() {
        return field(proc.resolve("self/status"), "VmRSS:").orElse(0) << 10;
    }

    /** A container may see the path that its cgroup has outside, and its own cgroup at the root. */
    private static void addCgroups(Path mounted, String path, Names names, List<Ceiling> found) {
        Path own = mounted.resolve(path.replaceFirst("^/+", "")).normalize();
        if (!own.startsWith(mounted) || !Files.isDirectory(own)) {
            own = mounted;
        }
        for (Path at = own; at.startsWith(mounted); at = at.resolve("..").normalize()) {
            OptionalLong limit = number(at.resolve(names.limit));
            OptionalLong usage = number(at.resolve(names.usage));
            if (limit.isPresent() && usage.isPresent() && limit.getAsLong() < NO_LIMIT_BYTES) {
                long pages = field(at.resolve("memory.stat"), names.pages).orElse(0);
                long shared = field(at.resolve("memory.stat"), names.shared).orElse(0);
                long used = Math.max(0, usage.getAsLong() - Math.max(0, pages - shared));
                found.add(new Ceiling("the cgroup " + at, limit.getAsLong(), used));
            }
            if (at.equals(mounted)) {
                return;
            }
        }
    }

    private static OptionalLong number(Path file) {
        String text = text(file).trim();
        return text.matches("\\d{1,19}") ? OptionalLong.of(clipped(text)) : OptionalLong.empty();
    }

    private static long clipped(String digits) {
        return digits.length() > 18 ? Long.MAX_VALUE : Long.parseLong(digits);
    }

    private static OptionalLong field(Path file, String name) {
        Matcher line =
                Pattern.compile("(?m)^" + Pattern.quote(name) + "\\s+(\\d+)").matcher(text(file));
        return line.find() ? OptionalLong.of(clipped(line.group(1))) : OptionalLong.empty();
    }

    private static String text(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException missing) {
            return "";
        }
    }
}
