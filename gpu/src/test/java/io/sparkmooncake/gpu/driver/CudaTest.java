// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class CudaTest {
    @Test
    void saysThatThereIsNoDriver() {
        Cuda.Found found = Cuda.look(List.of(Path.of("/nowhere/nvidiactl")));
        assertThat(found.cause()).isEqualTo("this host has no NVIDIA driver: none of [/nowhere/nvidiactl] is there");
        assertThat(found.devices()).isEmpty();
    }

    @Test
    void refusesADeviceWithTheCause() {
        assumeFalse(Cuda.isAvailable());
        assertThatThrownBy(() -> Device.open(0))
                .isInstanceOf(GpuException.class)
                .hasMessage(Cuda.unavailabilityCause());
    }

    /** A JVM without JCuda on its class path gets its answer all the same. */
    @Test
    void loadsNoClassOfJCudaWithoutADriver() throws Exception {
        assumeFalse(Cuda.isAvailable());
        List<String> without = List.of(System.getProperty("java.class.path").split(File.pathSeparator, -1)).stream()
                .filter(each -> !each.contains("jcuda"))
                .toList();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xlog:class+load:stderr",
                        "-cp",
                        String.join(File.pathSeparator, without),
                        AvailabilityMain.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
        assertThat(output).contains("cause: " + Cuda.unavailabilityCause()).doesNotContain(" jcuda.");
    }
}
