// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class ProcessDescriptorsTest {
    /** A child's standard output, as this process is its ancestor and may trace it whatever the host's setting is. */
    @Test
    void takesADescriptorOfAnotherProcess() throws Exception {
        Process child = new ProcessBuilder("sleep", "60")
                .redirectOutput(Path.of("/dev/null").toFile())
                .start();
        try {
            assertThat(ProcessDescriptors.refusal(child.pid())).isEmpty();
            int taken = ProcessDescriptors.take(child.pid(), 1);
            Path link = Path.of("/proc/self/fd/" + taken);
            assertThat(Files.readSymbolicLink(link)).hasToString("/dev/null");
            ProcessDescriptors.close(taken);
            assertThat(Files.exists(link)).isFalse();
            assertThatThrownBy(() -> ProcessDescriptors.take(child.pid(), 999))
                    .isInstanceOf(GpuException.class)
                    .hasMessageContaining("descriptor=999")
                    .hasMessageContaining("errno=9");
        } finally {
            child.destroyForcibly().waitFor();
        }
        assertThatThrownBy(() -> ProcessDescriptors.take(child.pid(), 1)).hasMessageContaining("errno=3");
        assertThat(ProcessDescriptors.refusal(child.pid())).contains("errno=3");
    }
}
