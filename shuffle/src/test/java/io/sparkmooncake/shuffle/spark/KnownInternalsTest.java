// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Vendors' classes are made here, compiled and put before Spark's. */
final class KnownInternalsTest {
    private static final Pattern CALL =
            Pattern.compile("(?:InterfaceMethodref|Methodref) .*// +(org/apache/spark/[^.]+)\\.([^:]+):(\\S+)");

    @TempDir
    private Path folder;

    @Test
    void thisSparkHasThem() {
        ClassLoader spark = getClass().getClassLoader();
        assertThat(KnownInternals.differences(spark)).isEmpty();
        assertThat(KnownInternals.resolverDifferences(spark)).isEmpty();
    }

    @Test
    void namesWhatAVendorsResolverLacks() throws IOException {
        try (URLClassLoader vendor = with("IndexShuffleBlockResolver", """
                package org.apache.spark.shuffle;
                public class IndexShuffleBlockResolver {
                    public IndexShuffleBlockResolver(org.apache.spark.SparkConf conf, String vendor) {}
                    public final void addShuffleToSkip(int shuffle) {}
                    public void removeDataByMap(int shuffle, long map) {}
                }
                """)) {
            assertThat(KnownInternals.resolverDifferences(vendor))
                    .contains(
                            "no org.apache.spark.shuffle.IndexShuffleBlockResolver(SparkConf)",
                            "a final org.apache.spark.shuffle.IndexShuffleBlockResolver.addShuffleToSkip(int)",
                            "no org.apache.spark.shuffle.IndexShuffleBlockResolver.getStoredShuffles()")
                    .noneMatch(line -> line.contains("removeDataByMap"));
        }
    }

    @Test
    void namesAnAbstractMethodThatOursDoesNotImplement() throws IOException {
        try (URLClassLoader vendor = with("ShuffleWriter", """
                package org.apache.spark.shuffle;
                public abstract class ShuffleWriter<K, V> {
                    public abstract void write(scala.collection.Iterator<scala.Product2<K, V>> records);
                    public abstract long[] getPartitionLengths();
                    public abstract long vendorsOwn();
                }
                """)) {
            assertThat(KnownInternals.differences(vendor))
                    .contains("an abstract org.apache.spark.shuffle.ShuffleWriter.vendorsOwn")
                    .noneMatch(line -> line.contains("getPartitionLengths"));
        }
    }

    @Test
    void namesAClassThatIsGone() {
        assertThat(KnownInternals.differences(ClassLoader.getPlatformClassLoader()))
                .anyMatch(line -> line.startsWith("no org.apache.spark.MapOutputTracker.getMapSizesByExecutorId"
                        + " (java.lang.ClassNotFoundException: org.apache.spark.MapOutputTracker"));
    }

    /** These are documented for users, or the same in every Spark since 3.0 and part of what others build on. */
    private static final List<String> DOCUMENTED = List.of(
            "org.apache.spark.Aggregator",
            "org.apache.spark.InterruptibleIterator",
            "org.apache.spark.Partitioner",
            "org.apache.spark.ShuffleDependency",
            "org.apache.spark.SparkConf",
            "org.apache.spark.TaskContext",
            "org.apache.spark.network.buffer.",
            "org.apache.spark.serializer.DeserializationStream ",
            "org.apache.spark.serializer.SerializationStream ",
            "org.apache.spark.serializer.Serializer ",
            "org.apache.spark.serializer.SerializerInstance ",
            "org.apache.spark.shuffle.ShuffleBlockInfo",
            "org.apache.spark.shuffle.ShuffleHandle",
            "org.apache.spark.io.CompressionCodec",
            "org.apache.spark.sql.catalyst.expressions.UnsafeRow",
            "org.apache.spark.sql.execution.metric.SQLMetric",
            "org.apache.spark.storage.BlockId ",
            "org.apache.spark.storage.BlockManagerId ",
            "org.apache.spark.storage.Shuffle",
            "org.apache.spark.unsafe.",
            "org.apache.spark.util.MutablePair");

    @Test
    void knowsEveryInternalThatTheShuffleCalls() throws Exception {
        Path classes = Path.of(KnownInternals.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        StringWriter listing = new StringWriter();
        List<String> arguments = new ArrayList<>(List.of("-v", "-p"));
        try (Stream<Path> files = Files.walk(classes)) {
            files.map(Path::toString).filter(file -> file.endsWith(".class")).forEach(arguments::add);
        }
        ToolProvider javap = ToolProvider.findFirst("javap").orElseThrow();
        PrintWriter out = new PrintWriter(listing);
        assertThat(javap.run(out, out, arguments.toArray(String[]::new))).isZero();
        List<String> called = CALL.matcher(listing.toString())
                .results()
                .map(call ->
                        call.group(1).replace('/', '.') + " " + call.group(2).replace("\"", "") + " " + call.group(3))
                .distinct()
                .filter(call -> DOCUMENTED.stream().noneMatch(call::startsWith))
                .filter(call -> !call.endsWith("SparkEnv get ()Lorg/apache/spark/SparkEnv;"))
                .filter(call -> !call.contains("Sorter <init> (Lorg/apache/spark/util/collection/SortDataFormat;)"))
                .filter(call -> !call.contains("ShuffleWriter <init> ()V"))
                .toList();
        assertThat(called).isNotEmpty();
        assertThat(KnownInternals.members()).containsAll(called);
    }

    private URLClassLoader with(String name, String source) throws IOException {
        Path file = folder.resolve(name + ".java");
        Files.writeString(file, source);
        JavaCompiler compiler = Objects.requireNonNull(javax.tools.ToolProvider.getSystemJavaCompiler(), "needs a JDK");
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        assertThat(compiler.run(
                        null, null, null, "-proc:none", "-cp", classPath, "-d", folder.toString(), file.toString()))
                .isZero();
        return new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader()) {
            @Override
            protected Class<?> loadClass(String type, boolean resolve) throws ClassNotFoundException {
                synchronized (getClassLoadingLock(type)) {
                    Class<?> known = findLoadedClass(type);
                    return known != null
                            ? known
                            : type.equals("org.apache.spark.shuffle." + name)
                                    ? findClass(type)
                                    : super.loadClass(type, resolve);
                }
            }
        };
    }
}
