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
import java.nio.file.Files;
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
        Extent extent = pool.tryAllocate(6L * MIB).orElseThrow();
        assertThat(pool.tryAllocate(6L * MIB)).as("the room is promised").isEmpty();
        Files.write(dir.resolve("others"), new byte[4 * MIB]);
        assertThatThrownBy(() -> extent.write(0, ByteBuffer.allocate(6 * MIB)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(dir.toString())
                .hasMessageContaining("usable bytes=");
        assertThat(pool.describeRoom()).contains("set aside after", "No space left");
        assertThat(pool.tryAllocate(12L * MIB)).isEmpty();
        extent.release();
        pool.close();
    }

    @Test
    void sharedPoolLeavesRoomForOthersAndTriesNothingThatCannotFit() throws Exception {
        mount("64m");
        RegionPool pool = RegionPool.sharedMemory(
                dir, new Limits(1L << 30, 16L * MIB, Duration.ofSeconds(60)), RegionListener.NONE);
        List<Extent> taken = fill(pool);
        long left = dir.toFile().getUsableSpace();
        assertThat(left).isGreaterThanOrEqualTo(RegionDirectory.LEAST_HEADROOM_BYTES);
        assertThat(pool.committedBytes()).isLessThanOrEqualTo(RegionPool.capacityBytes(dir));
        for (int i = 0; i < 20; i++) {
            assertThat(pool.tryAllocate(8L * MIB)).isEmpty();
            assertThat(dir.toFile().getUsableSpace()).isEqualTo(left);
        }
        HostRegion control = Regions.createReserved(dir, 64 << 10, Location.ANY);
        control.release();
        taken.forEach(Extent::release);
        pool.close();
        assertThat(dir.toFile().getUsableSpace()).isEqualTo(64L * MIB);
    }

    @Test
    void sharedPoolOnAFileSystemThatOthersFillAnswersEmptyAndAllocatesAgainLater() throws Exception {
        mount("32m");
        RegionPool pool = RegionPool.sharedMemory(dir, LIMITS, RegionListener.NONE);
        Extent first = pool.tryAllocate(MIB).orElseThrow();
        Path others = Files.write(dir.resolve("others"), new byte[30 * MIB]);
        assertThat(pool.tryAllocate(MIB)).isEmpty();
        assertThat(pool.committedBytes()).isEqualTo(MIB);
        Files.delete(others);
        pool.tryAllocate(MIB).orElseThrow().release();
        first.release();
        pool.close();
    }

    @Test
    void reservedRegionOnAFullFileSystemIsAnExceptionAndLeavesNothing() throws Exception {
        mount("2m");
        Files.write(dir.resolve("others"), new byte[2 * MIB - 16_384]);
        assertThatThrownBy(() -> Regions.createReserved(dir, 64 << 10, Location.ANY))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("No space left");
        assertThat(dir.toFile().getUsableSpace()).isEqualTo(16_384);
    }

    @Test
    void fileSystemWithoutALimitIsNotFull() throws Exception {
        mount("0");
        RegionPool pool = RegionPool.sharedMemory(dir, LIMITS, RegionListener.NONE);
        pool.tryAllocate(MIB).orElseThrow().release();
        pool.close();
    }

    @Test
    void fileSystemWithoutInodesIsSetAsideWithItsReason() throws Exception {
        mount("8m,nr_inodes=1");
        RegionPool pool = RegionPool.sharedMemory(dir, LIMITS, RegionListener.NONE);
        assertThat(pool.tryAllocate(MIB)).isEmpty();
        assertThat(pool.describeRoom()).contains(dir.toString(), "No space left");
        pool.close();
    }

    @Test
    void readOnlyFileSystemIsSetAsideWithItsReason() throws Exception {
        mount("8m,ro");
        RegionPool pool = RegionPool.sharedMemory(dir, LIMITS, RegionListener.NONE);
        assertThat(pool.tryAllocate(MIB)).isEmpty();
        assertThat(pool.describeRoom()).contains(dir.toString(), "Read-only file system");
        pool.close();
    }

    private static List<Extent> fill(RegionPool pool) throws IOException {
        List<Extent> taken = new ArrayList<>();
        Optional<Extent> next = pool.tryAllocate(MIB);
        while (next.isPresent()) {
            taken.add(next.get());
            next = pool.tryAllocate(MIB);
        }
        return taken;
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
