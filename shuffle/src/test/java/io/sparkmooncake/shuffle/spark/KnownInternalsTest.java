// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Vendors' classes are made here, compiled and put before Spark's. */
final class KnownInternalsTest {
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

    private URLClassLoader with(String name, String source) throws IOException {
        Path file = folder.resolve(name + ".java");
        Files.writeString(file, source);
        JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler(), "needs a JDK");
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
