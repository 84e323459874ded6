// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import io.sparkmooncake.integration.example.Progress;
import io.sparkmooncake.integration.hosts.Processes;
import io.sparkmooncake.integration.program.ProgramMain;
import io.sparkmooncake.integration.workload.DeviceProbe;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A SPARK_HOME of one test: the jars are those of {@code bin/local-spark}, which assembles them on first use, and executors
 * log into a folder of the test.
 *
 * @param folder the home, which keeps the logs of the latest run
 */
record SparkHome(Path folder) {
    private static final Path ROOT =
            Path.of(System.getProperty("repository.root")).toAbsolutePath().normalize();
    private static final Path TARGET =
            Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath().resolve("it");

    static SparkHome of(String version, String test) throws IOException, InterruptedException {
        Path assembled = ROOT.resolve("target/spark").resolve(version);
        if (!Files.isDirectory(assembled)) {
            Processes.run(List.of(ROOT.resolve("bin/local-spark").toString(), version));
        }
        Path folder = TARGET.resolve(test + "-" + version);
        Processes.delete(folder.resolve("work"));
        Files.createDirectories(folder.resolve("bin"));
        link(folder.resolve("jars"), assembled.resolve("jars"));
        link(folder.resolve("bin/spark-submit"), assembled.resolve("bin/spark-submit"));
        return new SparkHome(folder);
    }

    /** Spark 4.3 comes with PySpark's package only, which needs Python and PyPI. */
    static boolean isAvailable(String version) throws InterruptedException {
        try {
            Processes.run(List.of(ROOT.resolve("bin/local-spark").toString(), version));
            return true;
        } catch (IOException e) {
            return !version.equals("4.3.0");
        }
    }

    private static void link(Path link, Path target) throws IOException {
        try {
            Files.createSymbolicLink(link, target);
        } catch (FileAlreadyExistsException fromAnEarlierRun) {
            Files.delete(link);
            Files.createSymbolicLink(link, target);
        }
    }

    /** The repository's own file. */
    static Path file(String path) {
        return ROOT.resolve(path);
    }

    /** The one jar that users get. */
    static Path pluginJar() {
        Path jar = Path.of(System.getProperty("shipped.jar")).toAbsolutePath().normalize();
        if (!Files.isRegularFile(jar)) {
            throw new IllegalStateException(jar + " is missing: build with 'mvn -pl integration -am verify'");
        }
        return jar;
    }

    /** The class path of Spark ML. */
    static String sparkMlClassPath() throws IOException, InterruptedException {
        List<String> assemble = List.of(ROOT.resolve("bin/local-spark").toString(), "mllib");
        Processes.run(assemble); // the first time it tells of its progress, too
        Path folder = Path.of(Processes.run(assemble).strip());
        try (Stream<Path> jars = Files.list(folder)) {
            return jars.map(Path::toString).sorted().collect(Collectors.joining(File.pathSeparator));
        }
    }

    /** The programs, packed from the test classes, and what they use of the main classes. */
    static Path programJar() throws IOException {
        Path jar = TARGET.resolve("programs.jar");
        // Hosts of users without rights read it, too.
        Path unfinished = Files.createTempFile(
                TARGET,
                "programs",
                ".jar",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")));
        try (OutputStream file = Files.newOutputStream(unfinished);
                JarOutputStream entries = new JarOutputStream(file)) {
            add(entries, ProgramMain.class);
            add(entries, Progress.class);
            add(entries, DeviceProbe.class);
            add(entries, Processes.class);
        }
        return Files.move(unfinished, jar, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Adds the package of a class, which lies in a folder or in a jar. */
    private static void add(JarOutputStream entries, Class<?> member) throws IOException {
        Path classes = classesOf(member);
        if (Files.isDirectory(classes)) {
            add(entries, classes, member);
            return;
        }
        try (FileSystem jar = FileSystems.newFileSystem(classes)) {
            add(entries, jar.getPath("/"), member);
        }
    }

    private static void add(JarOutputStream entries, Path classes, Class<?> member) throws IOException {
        try (Stream<Path> paths =
                Files.walk(classes.resolve(member.getPackageName().replace('.', '/')))) {
            for (Path path : paths.filter(Files::isRegularFile).toList()) {
                entries.putNextEntry(new JarEntry(classes.relativize(path).toString()));
                Files.copy(path, entries);
                entries.closeEntry();
            }
        }
    }

    private static Path classesOf(Class<?> member) {
        try {
            return Path.of(
                    member.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException("the classes are not in a folder", e);
        }
    }
}
