// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Commands and small JVMs that run as another user or in another namespace; needs root, and skips the test without it. */
public final class OtherProcess {
    private static final String NOBODY = "65534";

    private OtherProcess() {}

    /** What a command ended with, and what it printed. */
    public record Ended(int status, String output) {}

    /** Skips the test unless this process is root. */
    public static void assumeRoot(String need) {
        assumeTrue("root".equals(System.getProperty("user.name")), "skipped: " + need + " needs root");
    }

    /** Returns a command that runs another one as the user nobody. */
    public static List<String> asNobody(String... command) {
        List<String> whole = new ArrayList<>(
                List.of("setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups", "--no-new-privs"));
        whole.addAll(List.of(command));
        return whole;
    }

    /** Runs a command to its end. */
    public static Ended run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!process.waitFor(4, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new IOException("did not end: " + command + ", printed " + output);
        }
        return new Ended(process.exitValue(), output);
    }

    /**
     * Returns the command of a JVM whose class path any user can read.
     *
     * @param open an empty directory, opened to all users here
     * @param main the class that runs
     * @param others classes from other jars or folders that it needs
     */
    public static List<String> java(Path open, Class<?> main, List<Class<?>> others, String... arguments)
            throws IOException {
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
        List<Class<?>> needed = new ArrayList<>(others);
        needed.add(main);
        List<String> path = new ArrayList<>();
        for (Class<?> one : needed) {
            path.add(copy(Path.of(location(one)), open.resolve(Integer.toString(path.size())))
                    .toString());
        }
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                String.join(File.pathSeparator, path),
                main.getName()));
        command.addAll(List.of(arguments));
        return command;
    }

    private static String location(Class<?> type) throws IOException {
        try {
            return Path.of(type.getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    private static Path copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
        return to;
    }
}
