// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.transfer.memory.RegionPool.Limits;
import io.sparkmooncake.transfer.testing.Footprint;
import io.sparkmooncake.transfer.testing.Pattern;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pools on a file system of their own that has a few MiB; needs root to mount it. */
final class FullFileSystemTest {
    private static final int MIB = 1 << 20;
    private static final Limits LIMITS = new Limits(64L * MIB, 16L * MIB, Duration.ofSeconds(60));

    @TempDir
    Path dir;

    private Footprint before;
    private boolean mounted;

    @BeforeEach
    void look() throws IOException {
        before = Footprint.take(dir);
    }

    @AfterEach
    void unmount() throws Exception {
        before.assertRestored();
        if (mounted) {
            assertThat(run("umount", dir.toString())).as("umount").isZero();
        }
    }

    @Test
    void sharedPoolAnswersEmptyAndKeepsWhatItGave() throws Exception {
        mount("10m");
        RegionPool pool = RegionPool.sharedMemory(dir, LIMITS, RegionListener.NONE);
        List<Extent> taken = new ArrayList<>();
        Optional<Extent> next = pool.tryAllocate(MIB);
        while (next.isPresent()) {
            Pattern.fill(next.get().region(), next.get().offset(), MIB, taken.size());
            taken.add(next.get());
            next = pool.tryAllocate(MIB);
        }
        assertThat(taken).hasSizeBetween(3, 9);
        for (int i = 0; i < 20; i++) {
            assertThat(pool.tryAllocate(MIB)).isEmpty();
            assertThat(pool.tryAllocate(20L * MIB)).isEmpty();
        }
        for (int i = 0; i < taken.size(); i++) {
            Extent extent = taken.get(i);
            assertThat(Pattern.mismatch(extent.region(), extent.offset(), MIB, i, extent.offset()))
                    .isEqualTo(-1);
            extent.release();
        }
        pool.trim(System.nanoTime() + LIMITS.idle().toNanos());
        pool.tryAllocate(MIB).orElseThrow().release();
        pool.close();
    }

    @Test
    void sharedPoolOnATinyFileSystemAnswersEmpty() throws Exception {
        mount("2m");
        RegionPool pool = RegionPool.sharedMemory(dir, LIMITS, RegionListener.NONE);
        assertThat(pool.tryAllocate(100)).isEmpty();
        pool.close();
    }

    @Test
    void filePoolThrowsWhenTheDiskIsFullAndNamesIt() throws Exception {
        mount("8m");
        RegionPool pool = RegionPool.files(List.of(dir), LIMITS, RegionListener.NONE);
        Extent first = pool.tryAllocate(6L * MIB).orElseThrow();
        Extent second = pool.tryAllocate(6L * MIB).orElseThrow();
        first.write(0, ByteBuffer.allocate(6 * MIB));
        assertThatThrownBy(() -> second.write(0, ByteBuffer.allocate(6 * MIB)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(dir.toString())
                .hasMessageContaining("usable bytes=");
        assertThat(pool.tryAllocate(12L * MIB)).isEmpty();
        first.release();
        second.release();
        pool.close();
    }

    @Test
    void regionOnAFullFileSystemIsAnException() throws Exception {
        mount("2m");
        HostRegion filler = Regions.create(dir, MIB, Location.ANY);
        List<HostRegion> regions = new ArrayList<>();
        assertThatThrownBy(() -> {
                    for (int i = 0; i < 1_000; i++) {
                        regions.add(Regions.create(dir, 4096, Location.ANY));
                    }
                })
                .isInstanceOf(IOException.class)
                .hasMessageContaining(dir.toString());
        regions.forEach(HostRegion::release);
        filler.release();
    }

    private void mount(String size) throws Exception {
        int status = run("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", dir.toString());
        assumeTrue(status == 0, "skipped: mounting a tmpfs of " + size + " needs root, mount ended with " + status);
        mounted = true;
    }

    private static int run(String... command) throws Exception {
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
