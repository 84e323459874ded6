// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** JCuda's library, which this machine can load only where it has a driver. */
final class DriverLibraryTest {
    @Test
    void leavesNothingInTheFolderThatAllProcessesShare() throws IOException {
        String place = System.getProperty("java.io.tmpdir");
        if (Cuda.isAvailable()) {
            DriverLibrary.load();
        } else {
            assertThatThrownBy(DriverLibrary::load).isInstanceOf(LinkageError.class);
        }
        assertThat(System.getProperty("java.io.tmpdir")).isEqualTo(place);
        assertThat(names(Path.of(place)))
                .noneMatch(name -> name.startsWith("mooncake-cuda") || name.startsWith("libJCudaDriver"));
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
