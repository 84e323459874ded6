// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;

/** What users put on Spark's class path. */
final class ShippedJarIT {
    @Test
    void holdsOurClassesAndTheDriverApiOfJCudaOnly() throws IOException {
        List<String> files = files();
        assertThat(files)
                .allMatch(name -> name.startsWith("io/sparkmooncake/")
                        || name.startsWith("META-INF/")
                        || name.startsWith("jcuda/")
                        || name.equals("lib/libJCudaDriver-12.6.0-linux-x86_64.so"));
        assertThat(files)
                .filteredOn(name -> name.startsWith("jcuda/") && name.indexOf('/', "jcuda/".length()) > 0)
                .allMatch(name -> name.startsWith("jcuda/driver/") || name.startsWith("jcuda/runtime/"));
        assertThat(files).filteredOn(name -> name.startsWith("jcuda/runtime/")).hasSize(4);
        assertThat(files)
                .contains(
                        "META-INF/LICENSE",
                        "io/sparkmooncake/plugin/MooncakePlugin.class",
                        "io/sparkmooncake/shuffle/MooncakeShuffleManager.class",
                        "io/sparkmooncake/collectives/Communicator.class",
                        "io/sparkmooncake/ml/Communicators.class",
                        "io/sparkmooncake/gpu/kernel/collectives.ptx.gz",
                        "jcuda/driver/JCudaDriver.class",
                        "lib/libJCudaDriver-12.6.0-linux-x86_64.so",
                        "io/sparkmooncake/transfer/engine/LocalEngine.class",
                        "io/sparkmooncake/conf/Settings.class");
        assertThat(files)
                .filteredOn(name -> name.startsWith("META-INF/") && !name.startsWith("META-INF/maven/"))
                .containsExactlyInAnyOrder("META-INF/MANIFEST.MF", "META-INF/LICENSE", "META-INF/licenses/jcuda.txt");
    }

    /** Found on a GPU host only otherwise: the driver's classes extend some of the runtime's. */
    @Test
    void holdsEveryClassThatItsPartOfJCudaNames() throws Exception {
        URL[] jar = {Path.of(System.getProperty("shipped.jar")).toUri().toURL()};
        try (URLClassLoader alone = new URLClassLoader(jar, ClassLoader.getPlatformClassLoader())) {
            for (String name : files()) {
                if (name.startsWith("jcuda/")) {
                    String type = name.replace('/', '.').substring(0, name.length() - ".class".length());
                    Class<?> loaded = Class.forName(type, false, alone);
                    assertThat(loaded.getDeclaredMethods().length + loaded.getDeclaredFields().length)
                            .isNotNegative();
                }
            }
        }
    }

    private static List<String> files() throws IOException {
        try (JarFile jar = new JarFile(System.getProperty("shipped.jar"))) {
            return jar.stream()
                    .filter(entry -> !entry.isDirectory())
                    .map(ZipEntry::getName)
                    .toList();
        }
    }
}
