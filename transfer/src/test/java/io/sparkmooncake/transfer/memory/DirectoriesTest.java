// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.transfer.memory.RegionPool.Limits;
import io.sparkmooncake.transfer.testing.OtherProcess;
import io.sparkmooncake.transfer.testing.OtherProcess.Ended;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;

/** Pools over directories that are full, read-only, unwritable or gone, beside one that has room. */
final class DirectoriesTest {
    private static final int MIB = 1 << 20;
    private static final Limits LIMITS = new Limits(1L << 40, 16L * MIB, Duration.ofSeconds(60));

    @TempDir
    Path dir;

    private final Deque<Path> mounted = new ArrayDeque<>();
    private final List<Extent> stored = new ArrayList<>();
    private Path bad;
    private Path good;

    @BeforeEach
    void createDirectories() throws IOException {
        bad = Files.createDirectory(dir.resolve("bad"));
        good = Files.createDirectory(dir.resolve("good"));
    }

    @AfterEach
    void unmount() throws Exception {
        stored.forEach(Extent::release);
        while (!mounted.isEmpty()) {
            Ended ended = OtherProcess.run(List.of("umount", mounted.pop().toString()));
            assertThat(ended.status()).as(ended.output()).isZero();
        }
    }

    private void mount(Path at, String options) throws Exception {
        OtherProcess.assumeRoot("mounting a tmpfs");
        Ended ended = OtherProcess.run(List.of("mount", "-t", "tmpfs", "-o", options, "tmpfs", at.toString()));
        assertThat(ended.status()).as(ended.output()).isZero();
        mounted.push(at);
    }

    private void store(RegionPool pool, int bytes) throws IOException {
        stored.add(pool.tryStore(bytes, extent -> extent.write(0, ByteBuffer.allocate(bytes)))
                .orElseThrow());
    }

    private static long used(Path directory) {
        return directory.toFile().getTotalSpace() - directory.toFile().getUsableSpace();
    }

    @Test
    void regionsOfADirectoryThatBecameFullAreNotUsed() throws Exception {
        mount(bad, "size=96m");
        mount(good, "size=64m");
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        Extent inBad = pool.tryAllocate(MIB).orElseThrow();
        inBad.write(0, ByteBuffer.allocate(MIB));
        stored.add(inBad);
        assertThat(used(bad)).isGreaterThanOrEqualTo(MIB);
        Files.write(bad.resolve("others"), new byte[94 * MIB]);
        for (int i = 0; i < 10; i++) {
            store(pool, 4 * MIB);
        }
        assertThat(used(good)).isGreaterThanOrEqualTo(40 * MIB);
        pool.close();
    }

    @Test
    void anExtentWhoseDirectoryFillsWhileItIsWrittenIsWrittenElsewhere() throws Exception {
        mount(bad, "size=96m");
        mount(good, "size=64m");
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        Extent moved = pool.tryStore(8L * MIB, extent -> {
                    if (Files.notExists(bad.resolve("others"))) {
                        Files.write(bad.resolve("others"), new byte[95 * MIB]);
                    }
                    extent.write(0, ByteBuffer.allocate(8 * MIB));
                })
                .orElseThrow();
        assertThat(used(good)).isGreaterThanOrEqualTo(8L * MIB);
        assertThat(pool.describeRoom()).contains(bad + ": ", "set aside after", "No space left");
        Files.delete(bad.resolve("others"));
        store(pool, 4 * MIB);
        assertThat(used(bad)).as("set aside for a while").isLessThan(2 * MIB);
        moved.release();
        pool.close();
    }

    @Test
    void aFullDirectoryWhoseOwnBlocksCanStillBeWrittenIsLeft() throws Exception {
        mount(bad, "size=96m");
        mount(good, "size=64m");
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        Extent written = pool.tryAllocate(MIB).orElseThrow();
        written.write(0, ByteBuffer.allocate(MIB));
        stored.add(written);
        Extent moved = pool.tryStore(8L * MIB, extent -> {
                    if (Files.notExists(bad.resolve("others"))) {
                        Files.write(bad.resolve("others"), new byte[94 * MIB]);
                    }
                    try {
                        extent.write(0, ByteBuffer.allocate(8 * MIB));
                    } finally {
                        written.write(0, ByteBuffer.allocate(MIB));
                    }
                })
                .orElseThrow();
        stored.add(moved);
        assertThat(used(good)).isGreaterThanOrEqualTo(8L * MIB);
        assertThat(pool.describeRoom()).contains(bad + ": ", "set aside after", "No space left");
        pool.close();
    }

    @Test
    void aWriteToBlocksThatAreThereTakesNoPromiseOfOthers() throws Exception {
        mount(bad, "size=40m");
        RegionPool pool = RegionPool.files(List.of(bad), LIMITS, RegionListener.NONE);
        Extent extent = pool.tryAllocate(8L * MIB).orElseThrow();
        for (int i = 0; i < 8; i++) {
            extent.write(0, ByteBuffer.allocate(MIB));
        }
        assertThat(pool.committedBytes()).isEqualTo(MIB);
        RegionDirectory directory = Objects.requireNonNull(extent.directory());
        assertThat(bad.toFile().getUsableSpace() - directory.roomOnDisk())
                .as("promised")
                .isEqualTo(7L * MIB);
        extent.write(MIB, ByteBuffer.allocate(7 * MIB));
        assertThat(pool.committedBytes()).isEqualTo(8L * MIB);
        assertThat(directory.roomOnDisk()).isEqualTo(bad.toFile().getUsableSpace());
        stored.add(extent);
        pool.close();
    }

    @Test
    void unwrittenExtentsCountWhenADirectoryIsChosen() throws Exception {
        mount(bad, "size=40m");
        mount(good, "size=36m");
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        List<Extent> extents = List.of(
                pool.tryAllocate(8L * MIB).orElseThrow(),
                pool.tryAllocate(8L * MIB).orElseThrow(),
                pool.tryAllocate(8L * MIB).orElseThrow(),
                pool.tryAllocate(8L * MIB).orElseThrow());
        assertThat(extents.stream()
                        .filter(extent -> Objects.requireNonNull(extent.directory())
                                .path()
                                .equals(good)))
                .hasSize(2);
        extents.forEach(Extent::release);
        pool.close();
    }

    @Test
    void aReadOnlyDirectoryCostsNothingWhileAnotherHasRoom() throws Exception {
        mount(bad, "size=640m,ro");
        mount(good, "size=64m");
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        store(pool, 4 * MIB);
        assertThat(used(good)).isGreaterThanOrEqualTo(4 * MIB);
        assertThat(pool.describeRoom()).contains("Read-only file system");
        pool.close();
    }

    @Test
    void aDirectoryThatVanishedCostsNothingWhileAnotherIsThere() throws Exception {
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        Files.delete(bad);
        store(pool, MIB);
        store(pool, MIB);
        pool.close();
    }

    @Test
    void theLastDirectoryIsTriedAlthoughItFailedLately() throws Exception {
        mount(bad, "size=64m");
        RegionPool pool = RegionPool.files(List.of(bad), LIMITS, RegionListener.NONE);
        assertThatThrownBy(() -> pool.tryStore(8L * MIB, extent -> {
                    Files.write(bad.resolve("others"), new byte[60 * MIB]);
                    extent.write(0, ByteBuffer.allocate(8 * MIB));
                }))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("No space left");
        Files.delete(bad.resolve("others"));
        store(pool, 8 * MIB);
        assertThat(pool.describeRoom()).doesNotContain("set aside");
        pool.close();
    }

    @Test
    void anotherFailureOfTheWriterIsNotTriedAgain() throws Exception {
        RegionPool pool = RegionPool.files(List.of(bad, good), LIMITS, RegionListener.NONE);
        assertThatThrownBy(() -> pool.tryStore(MIB, extent -> {
                    throw new IOException("the task's own");
                }))
                .hasMessage("the task's own");
        assertThat(pool.extents()).isZero();
        pool.close();
    }

    @Test
    void aUserWhoMayNotWriteGetsTheReasonAndTheOtherDirectory() throws Exception {
        OtherProcess.assumeRoot("a process of another user");
        Path open = Files.createDirectory(dir.resolve("open"));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(good, PosixFilePermissions.fromString("rwxrwxrwx"));
        List<String> java = OtherProcess.java(
                open,
                RegionMain.class,
                List.of(RegionPool.class, Settings.class, Logger.class),
                "shared",
                bad.toString());
        Ended shared = OtherProcess.run(OtherProcess.asNobody(java.toArray(String[]::new)));
        assertThat(shared.output()).contains("empty: " + bad, "AccessDenied");
        java.set(java.size() - 2, "files");
        java.add(good.toString());
        Ended files = OtherProcess.run(OtherProcess.asNobody(java.toArray(String[]::new)));
        assertThat(files.output()).contains("allocated");
    }
}
