// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One of the {@link Hosts}: its own network, processes, {@code /dev/shm} and {@code /tmp}. Other files are the machine's.
 *
 * <p>Threading: any thread.
 */
public final class Host implements AutoCloseable {
    /** $1 size of /dev/shm, $2 folder for /tmp, $3 hosts file, $4 name, $5 size of the disk, $6 its folder. */
    private static final String SET_UP = """
            echo "$4" >/proc/sys/kernel/hostname
            mount -t tmpfs -o size="$1",mode=1777 tmpfs /dev/shm
            mount --bind "$2" /tmp
            mount --bind "$3" /etc/hosts
            if [ "$5" != 0 ]; then mount -t tmpfs -o size="$5",mode=1777 tmpfs "$6"; fi
            """;

    private static final int NUMBER_OF_NOBODY = 65_534;

    private final String name;
    private final HostSpec spec;
    private final Path folder;
    private final @Nullable MemoryLimit memory;
    private final Namespaces namespaces;
    private final Link link;

    @GuardedBy("this")
    private final List<Process> started = new ArrayList<>();

    /** Starts it; {@code folder} gets its files. */
    Host(int number, HostSpec spec, Path folder, Namespaces bridge) throws IOException, InterruptedException {
        this.name = name(number);
        this.spec = spec;
        this.folder = folder;
        for (Path each : List.of(folder, disk(), folder.resolve("tmp"))) {
            Files.createDirectories(each);
            give(each);
        }
        this.memory = spec.memoryBytes() == 0 ? null : MemoryLimit.make(name, spec.memoryBytes());
        Namespaces made = null;
        boolean isLinked = false;
        try {
            made = Namespaces.make(
                    SET_UP,
                    List.of(
                            Long.toString(spec.shmBytes()),
                            folder.resolve("tmp").toString(),
                            folder.resolveSibling("hosts").toString(),
                            name,
                            Long.toString(spec.diskBytes()),
                            disk().toString()));
            this.link = new Link(number, made, bridge);
            if (spec.rateBits() > 0) {
                link.limit(spec.rateBits());
            }
            isLinked = true;
        } finally {
            if (!isLinked) {
                closeAll(made, memory);
            }
        }
        this.namespaces = made;
    }

    static String name(int number) {
        return "host-" + number;
    }

    private static void closeAll(@Nullable Namespaces namespaces, @Nullable MemoryLimit memory) {
        if (namespaces != null) {
            namespaces.close();
        }
        if (memory != null) {
            memory.close();
        }
    }

    private void give(Path path) throws IOException {
        if (spec.user() == HostSpec.User.NOBODY) {
            Files.setAttribute(path, "unix:uid", NUMBER_OF_NOBODY);
            Files.setAttribute(path, "unix:gid", NUMBER_OF_NOBODY);
        }
    }

    /** Returns its name, which every host resolves. */
    public String name() {
        return name;
    }

    /** Returns its address on the bridge. */
    public String address() {
        return link.address();
    }

    /** Returns its link to the bridge. */
    public Link link() {
        return link;
    }

    /** Returns a folder of this host's user, where logs belong. */
    public Path folder() {
        return folder;
    }

    /** Returns the folder for local files: a file system of its own if the host's spec gives it a size. */
    public Path disk() {
        return folder.resolve("disk");
    }

    /** Returns the command line that runs {@code words} here as this host's user, within its limits. */
    public List<String> command(Map<String, String> environment, List<String> words) {
        List<String> command = new ArrayList<>();
        if (memory != null) {
            command.addAll(memory.enter());
        }
        command.addAll(namespaces.enter());
        if (spec.openFiles() > 0) {
            command.addAll(List.of("prlimit", "--nofile=" + spec.openFiles() + ":" + spec.openFiles(), "--"));
        }
        if (spec.user() == HostSpec.User.NOBODY) {
            String id = Integer.toString(NUMBER_OF_NOBODY);
            command.addAll(List.of("setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"));
        }
        command.addAll(List.of("env", "--chdir=" + folder));
        environment.forEach((key, value) -> command.add(key + "=" + value));
        command.addAll(words);
        return command;
    }

    /** Starts a process that lives until it ends, is killed or its host is closed; {@code log} is a name in its folder. */
    public Process start(Map<String, String> environment, List<String> words, String log) throws IOException {
        Path file = folder.resolve(log);
        Files.write(file, new byte[0]);
        give(file);
        Process process = new ProcessBuilder(command(environment, words))
                .redirectErrorStream(true)
                .redirectOutput(file.toFile())
                .start();
        synchronized (this) {
            started.add(process);
        }
        return process;
    }

    /** Runs a short command as root, outside the host's limits, and returns its output. */
    public String run(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(namespaces.enter());
        command.addAll(List.of(words));
        return Processes.run(command);
    }

    /** Returns its processes whose command line contains {@code text}, as the machine numbers them. */
    public List<Long> find(String text) throws IOException {
        List<Long> found = new ArrayList<>();
        for (long pid : namespaces.processes()) {
            if (commandLine(pid).contains(text)) {
                found.add(pid);
            }
        }
        return found;
    }

    private static String commandLine(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.UTF_8)
                    .replace('\0', ' ');
        } catch (IOException ended) {
            return "";
        }
    }

    /** Returns whether a process lives, which is numbered as this host's processes see it. */
    public boolean isAlive(long innerPid) throws IOException {
        return !outer(innerPid).isEmpty();
    }

    /** Returns {@link Processes#memory} of a process, numbered as this host's see it, and the most that a limited host has had. */
    public String memory(long innerPid) throws IOException {
        String ofProcess = Processes.memory(outer(innerPid).get(0));
        return memory == null ? ofProcess : ofProcess + " host=" + (memory.peakBytes() >> 10);
    }

    private List<Long> outer(long innerPid) throws IOException {
        return namespaces.processes().stream()
                .filter(pid -> Namespaces.innerPid(pid) == innerPid)
                .toList();
    }

    /** Sends a signal, such as {@code STOP} or {@code CONT}, to a process, which is numbered as this host's processes see it. */
    public void signal(String signal, long innerPid) throws IOException, InterruptedException {
        signal(signal, outer(innerPid));
    }

    /** nsenter stops itself after its command has stopped, and must be continued after it. */
    private void signal(String signal, List<Long> pids) throws IOException, InterruptedException {
        Processes.signal(signal, pids);
        if (signal.equals("CONT")) {
            Processes.signal(signal, namespaces.entrances(pids));
        }
    }

    /** Stops every process until {@link #resume}; the kernel still answers for them. */
    public void freeze() throws IOException, InterruptedException {
        signal("STOP", namespaces.processes());
    }

    /** Lets every process run again. */
    public void resume() throws IOException, InterruptedException {
        signal("CONT", namespaces.processes());
    }

    /** Ends the host as a power failure does; nothing can run here any more. */
    public void kill() {
        namespaces.close();
    }

    /** Uses up what is free in the file system of {@link #disk}, which must be one of its own. */
    public void fillDisk() throws IOException, InterruptedException {
        if (spec.diskBytes() == 0) {
            throw new IllegalStateException(name + " has no disk of its own: use HostSpec.withDisk");
        }
        run("sh", "-c", "fallocate -l $(($(stat -f -c '%a * %S' \"$0\"))) \"$0\"/filled", disk().toString());
    }

    /** Frees what {@link #fillDisk} used. */
    public void freeDisk() throws IOException, InterruptedException {
        run("rm", "-f", disk().resolve("filled").toString());
    }

    /** Makes a directory read-only for files that are opened from now on. */
    public void makeReadOnly(Path directory) throws IOException, InterruptedException {
        String path = directory.toString();
        run("mount", "--bind", path, path);
        run("mount", "-o", "remount,bind,ro", path);
    }

    /** Undoes {@link #makeReadOnly}. */
    public void makeWritable(Path directory) throws IOException, InterruptedException {
        run("umount", "-l", directory.toString());
    }

    /** Ends every process and removes what was made for it, except the logs in its folder. */
    @Override
    public void close() {
        closeAll(namespaces, memory);
        synchronized (this) {
            started.forEach(Process::destroyForcibly);
        }
        try {
            Processes.delete(disk());
            Processes.delete(folder.resolve("tmp"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
