// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.shm.ShmFixture;
import io.sparkmooncake.transfer.testing.Footprint;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import io.sparkmooncake.transfer.testing.Pattern;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Regions of another process. */
final class ForeignRegionIT {
    private static final Path DIR = Path.of("/dev/shm");
    private static final int SIZE_BYTES = 1 << 20;

    private Footprint before;

    @BeforeEach
    void look() throws IOException {
        Regions.create(DIR, 1, Location.ANY).release();
        before = Footprint.take(DIR);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        before.assertRestored();
    }

    @Test
    void bothProcessesSeeOneMemory() throws IOException {
        try (OwnerProcess owner = OwnerProcess.start(ShmFixture.class, "owner", DIR)) {
            RegionDescriptor described = owner.create(SIZE_BYTES, 5);
            assertThat(namesOf(owner.pid())).as("files with a name").isZero();
            HostRegion mapped = Regions.importFrom(described);
            assertThat(Pattern.mismatch(mapped, 0, SIZE_BYTES, 5, 0)).isEqualTo(-1);
            Pattern.fill(mapped, 100, 1000, 6);
            assertThat(owner.mismatch(described, 100, 1000, 6, 100)).isEqualTo(-1);
            mapped.release();
        }
    }

    @Test
    void readerOfAKilledOwnerKeepsReadingAndNoFileStays() throws IOException {
        try (OwnerProcess owner = OwnerProcess.start(ShmFixture.class, "owner", DIR)) {
            RegionDescriptor described = owner.create(SIZE_BYTES, 5);
            RegionDescriptor never = owner.create(SIZE_BYTES, 5);
            HostRegion mapped = Regions.importFrom(described);
            owner.kill();
            assertThat(namesOf(owner.pid())).isZero();
            assertThat(Pattern.mismatch(mapped, 0, SIZE_BYTES, 5, 0)).isEqualTo(-1);
            assertThatThrownBy(() -> Regions.importFrom(never))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(never.path());
            mapped.release();
        }
    }

    @Test
    void descriptorNumberThatWasUsedAgainIsRefused() throws IOException {
        try (OwnerProcess owner = OwnerProcess.start(ShmFixture.class, "owner", DIR)) {
            RegionDescriptor old = owner.create(SIZE_BYTES, 5);
            owner.release(old);
            RegionDescriptor fresh = owner.create(SIZE_BYTES, 5);
            assertThat(fresh.path()).as("the system gives the lowest number").isEqualTo(old.path());
            assertThatThrownBy(() -> Regions.importFrom(old))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("holds region id=" + fresh.id());
            Regions.importFrom(fresh).release();
        }
    }

    private static long namesOf(long pid) throws IOException {
        try (Stream<Path> names = Files.list(DIR)) {
            return names.filter(name -> name.getFileName().toString().startsWith("spark-mooncake-" + pid + "-"))
                    .count();
        }
    }
}
