// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.conf.Settings.OnUnsupported;
import io.sparkmooncake.conf.TransferSettings;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class OperatingSystemTest {
    private static TransferSettings paths(String paths) {
        return TransferSettings.read(Map.of("spark.mooncake.transfer.paths", paths));
    }

    @Test
    void leavesLinuxAlone() {
        assertThat(OperatingSystem.allowed(paths("shm,tcp"), "Linux", OnUnsupported.FAIL)
                        .paths())
                .containsExactly("shm", "tcp");
    }

    @Test
    void goesOnWithoutShmElsewhere() {
        assertThat(OperatingSystem.allowed(paths("shm,tcp"), "Mac OS X", OnUnsupported.FAIL)
                        .paths())
                .containsExactly("tcp");
        assertThat(OperatingSystem.allowed(paths("tcp"), "Mac OS X", OnUnsupported.FAIL)
                        .paths())
                .containsExactly("tcp");
    }

    @Test
    void refusesWhenNothingIsLeft() {
        assertThatThrownBy(() -> OperatingSystem.allowed(paths("shm"), "Mac OS X", OnUnsupported.FAIL))
                .hasMessage("spark.mooncake.transfer.paths=shm needs Linux, and this is Mac OS X: change this line to"
                        + " spark.mooncake.transfer.paths=shm,tcp");
    }

    @Test
    void ranksTakeTcpWhenTheShuffleIsLeftToSpark() {
        assertThat(OperatingSystem.allowed(paths("shm"), "Mac OS X", OnUnsupported.SORT)
                        .paths())
                .containsExactly("tcp");
        assertThat(OperatingSystem.withoutPaths(paths("shm").paths(), "Mac OS X"))
                .hasValue("spark.mooncake.transfer.paths=shm needs Linux, and this is Mac OS X: change this line to"
                        + " spark.mooncake.transfer.paths=shm,tcp");
        assertThat(OperatingSystem.withoutPaths(paths("shm").paths(), "Linux")).isEmpty();
    }
}
