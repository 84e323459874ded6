// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class KernelsTest {
    @Test
    void findsEveryEntryOfAText() {
        assertThat(Kernels.names(".visible .entry one(\n.param .u64 a)\n{}\n.entry two (\n)\n.func three("))
                .containsExactly("one", "two");
    }

    @Test
    void carriesTheKernelOfEveryOperationTypeAndWay() {
        List<String> names = Kernels.names();
        for (String type : List.of("Int8", "Uint8", "Int32", "Int64", "Float16", "Bfloat16", "Float32", "Float64")) {
            assertThat(names)
                    .contains(
                            "allReduceOneShot" + type,
                            "allReduceTwoShot" + type,
                            "allReduceStaged" + type,
                            "reduceScatterLines" + type,
                            "reduceScatter" + type,
                            "reduceScatterStaged" + type);
        }
        assertThat(names)
                .contains("allGather", "allGatherLines", "allToAll", "allToAllLines", "broadcast", "broadcastLines")
                .contains("barrier", "fetchBlocks", "warmUp");
    }

    /** Where there is nvcc: what is committed is what the source gives. */
    @Test
    void committedKernelsMatchTheirSource() throws Exception {
        Path script = Path.of("build-kernels").toAbsolutePath();
        boolean compiler = new ProcessBuilder("sh", "-c", "nvcc --version | grep -q 'release 13.0'")
                        .start()
                        .waitFor()
                == 0;
        assumeTrue(Files.exists(script) && compiler, "needs nvcc 13.0 and the source tree");
        Process check = new ProcessBuilder(script.toString(), "check")
                .redirectErrorStream(true)
                .start();
        String output = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(check.waitFor(4, TimeUnit.MINUTES)).isTrue();
        assertThat(check.exitValue()).as(output).isZero();
    }
}
