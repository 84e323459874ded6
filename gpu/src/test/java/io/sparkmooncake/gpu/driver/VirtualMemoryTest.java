// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class VirtualMemoryTest {
    /** A JVM without JNA on its class path is told so, and what to do. */
    @Test
    void saysThatJnaIsMissing() throws Exception {
        List<String> without = List.of(System.getProperty("java.class.path").split(File.pathSeparator, -1)).stream()
                .filter(each -> !each.contains("jna"))
                .toList();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        String.join(File.pathSeparator, without),
                        WithoutJnaMain.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(output).contains("descriptors: descriptors need JNA");
        assertThat(output).contains("UNAVAILABLE: virtual memory needs JNA").contains("add net.java.dev.jna:jna");
    }
}
