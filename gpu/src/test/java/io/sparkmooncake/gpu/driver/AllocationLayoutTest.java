// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AllocationLayoutTest {
    private static final Path HEADER = Path.of("/usr/local/cuda-13.0/include/cuda.h");

    @Test
    void isThatOfTheHeader(@TempDir Path folder) throws Exception {
        assumeTrue(Files.exists(HEADER), "skipped: there is no " + HEADER);
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "skipped: there is no gcc");
        Path source = folder.resolve("layout.c");
        Files.writeString(source, """
                #include <cuda.h>
                #include <stddef.h>
                #include <stdio.h>
                #define AT(type, member) printf("%zu ", offsetof(type, member))
                int main(void) {
                  AT(CUmemAllocationProp, type);
                  AT(CUmemAllocationProp, requestedHandleTypes);
                  AT(CUmemAllocationProp, location.type);
                  AT(CUmemAllocationProp, location.id);
                  printf("%zu ", sizeof(CUmemAllocationProp));
                  AT(CUmemAccessDesc, location.type);
                  AT(CUmemAccessDesc, location.id);
                  AT(CUmemAccessDesc, flags);
                  printf("%zu %zu ", sizeof(CUmemAccessDesc), sizeof(CUmemFabricHandle));
                  printf("%d %d %d %d\\n", CU_MEM_ALLOCATION_TYPE_PINNED, CU_MEM_LOCATION_TYPE_DEVICE,
                         CU_MEM_ACCESS_FLAGS_PROT_READWRITE, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
                  return 0;
                }
                """);
        Path program = folder.resolve("layout");
        run(List.of(
                "gcc",
                "-I" + HEADER.getParent(),
                "-Wno-deprecated-declarations",
                source.toString(),
                "-o",
                program.toString()));
        assertThat(run(List.of(program.toString()))).isEqualTo("0 4 8 12 32 0 4 8 12 64 1 1 3 1\n");
    }

    @Test
    void putsEachWordInItsPlace() {
        try (Memory properties = AllocationLayout.properties(3, 8);
                Memory access = AllocationLayout.access(5)) {
            assertThat(properties.getIntArray(0, 8)).containsExactly(1, 8, 1, 3, 0, 0, 0, 0);
            assertThat(access.getIntArray(0, 3)).containsExactly(1, 5, 3);
        }
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output;
    }
}
