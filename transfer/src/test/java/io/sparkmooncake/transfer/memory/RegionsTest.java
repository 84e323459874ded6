// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.testing.Footprint;
import io.sparkmooncake.transfer.testing.Pattern;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RegionsTest {
    private static final Path DIR = Path.of("/dev/shm");
    private static final long GIB = 1L << 30;

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
    void readsAndWritesAcrossWindowBorders() throws IOException {
        long size = 3 * GIB + 12_345;
        HostRegion owned = Regions.create(DIR, size, Location.ANY);
        HostRegion imported = Regions.importFrom(owned.descriptor());
        long[] borders = {0, GIB - 4000, 2 * GIB - 4096, 3 * GIB - 1, size - 8191};
        for (long border : borders) {
            Pattern.fill(owned, border, 8191, 7);
            assertThat(Pattern.mismatch(imported, border, 8191, 7, border)).isEqualTo(-1);
        }
        HostRegion small = Regions.create(DIR, 8191, Location.ANY);
        for (long border : borders) {
            Regions.copy(imported, border, small, 0, 8191);
            assertThat(Pattern.mismatch(small, 0, 8191, 7, border)).isEqualTo(-1);
        }
        assertThatThrownBy(() -> owned.slice(size - 1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Regions.copy(small, 1, imported, 0, 8191))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Regions.copy(imported, 0, owned, 0, GIB + 1))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining("limit=" + GIB);
        owned.release();
        imported.release();
        small.release();
    }

    @Test
    void copiesEveryAlignmentAndStep() throws IOException {
        HostRegion from = Regions.create(DIR, 3 << 20, Location.ANY);
        HostRegion to = Regions.create(DIR, 3 << 20, Location.ANY);
        Pattern.fill(from, 0, from.sizeBytes(), 3);
        for (int shift = 0; shift < 9; shift++) {
            for (int length : new int[] {0, 1, 7, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 13}) {
                Regions.copy(from, shift, to, 2L * shift + 1, length);
                assertThat(Pattern.mismatch(to, 2L * shift + 1, length, 3, shift))
                        .isEqualTo(-1);
            }
        }
        from.release();
        to.release();
    }

    @Test
    void refusesEveryDescriptorThatIsNotTheRegions() throws IOException {
        HostRegion owned = Regions.create(DIR, 5000, Location.ANY);
        RegionDescriptor right = owned.descriptor();
        assertRefused(with(right.id() + 1, right.key(), 5000, right.path()), "expected id=" + (right.id() + 1));
        assertRefused(with(right.id(), right.key() ^ 1, 5000, right.path()), "another key");
        assertRefused(with(right.id(), right.key(), 4999, right.path()), "expected id=" + right.id() + " size=4999");
        assertRefused(with(right.id(), right.key(), 5001, right.path()), "needs 9097");
        assertRefused(with(right.id(), right.key(), 0, right.path()), "size=0");
        assertRefused(with(right.id(), right.key(), Long.MAX_VALUE, right.path()), "size=" + Long.MAX_VALUE);
        assertRefused(with(right.id(), right.key(), 5000, ownPath(99_999)), ownPath(99_999));
        assertRefused(with(right.id(), right.key(), 5000, "/proc/2147483/fd/3"), "/proc/2147483/fd/3");
        assertRefused(with(right.id(), right.key(), 5000, ""), "its owner cannot share it");
        for (String path : List.of(
                "/proc/self/fd/3",
                "/dev/shm",
                "/dev/null",
                "a\0b",
                right.path() + "/",
                right.path() + "\n",
                "/proc/1/fd/../mem",
                "/dev/../" + right.path())) {
            assertRefused(with(right.id(), right.key(), 5000, path), "is not a descriptor of a process: " + path);
        }
        Regions.importFrom(right).release();
        owned.release();
        assertRefused(right, right.path());
    }

    @Test
    void refusesAnyOtherFileAndLeavesItAsItWas(@TempDir Path dir) throws IOException {
        Path other = dir.resolve("other");
        try (RandomAccessFile file = new RandomAccessFile(other.toFile(), "rw")) {
            file.setLength(1 << 20);
            String path = ownPath(MappedMemory.likelyNumber(file.getFD()));
            assertRefused(with(1, 1, 5000, path), path + " holds no region");
            assertRefused(with(1, 1, 2 << 20, path), "has size=1048576");
            assertRefused(with(1, 1, 5000, other.toString()), "is not a descriptor of a process: " + other);
            assertThat(file.length()).isEqualTo(1 << 20);
        }
    }

    @Test
    void revocationRefusesImportsAndIsSeenByMappings() throws IOException {
        HostRegion owned = Regions.create(DIR, 4096, Location.ANY);
        Pattern.fill(owned, 0, 4096, 1);
        HostRegion imported = Regions.importFrom(owned.descriptor());
        assertThat(Regions.isRevoked(imported)).isFalse();
        assertThat(Regions.isRevoked(owned)).isFalse();
        Regions.revoke(imported);
        assertThat(Regions.isRevoked(owned)).as("only the owner revokes").isFalse();
        Regions.revoke(owned);
        assertThat(Regions.isRevoked(imported)).isTrue();
        assertRefused(owned.descriptor(), "revoked");
        owned.release();
        assertThat(Pattern.mismatch(imported, 0, 4096, 1, 0)).isEqualTo(-1);
        imported.release();
    }

    @Test
    void countsItsOwners() throws IOException {
        HostRegion region = Regions.create(DIR, 64, Location.parse("cpu:1"));
        assertThat(region.location()).hasToString("cpu:1");
        region.retain();
        region.release();
        assertThat(region.tryRetain()).isTrue();
        region.release();
        region.release();
        assertThat(region.tryRetain()).isFalse();
        assertThatThrownBy(region::retain).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(region::release).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void interruptedWriterTakesNoRegionFromItsPeers() throws IOException {
        RegionPool pool = RegionPool.files(
                List.of(DIR), new RegionPool.Limits(1 << 20, 1 << 20, Duration.ofMinutes(1)), RegionListener.NONE);
        Extent extent = pool.tryAllocate(1000).orElseThrow();
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> extent.write(0, ByteBuffer.allocate(10)))
                .isInstanceOf(ClosedByInterruptException.class);
        assertThat(Thread.interrupted()).isTrue();
        HostRegion imported = Regions.importFrom(extent.region().descriptor());
        extent.write(0, ByteBuffer.wrap(new byte[] {1, 2, 3}));
        ByteBuffer read = ByteBuffer.allocate(3);
        imported.readFully(extent.offset(), read);
        assertThat(read.get(2)).isEqualTo((byte) 3);
        imported.release();
        extent.release();
        pool.close();
    }

    @Test
    void filesAreReadAndNeverMapped() throws IOException {
        HostRegion owned = Regions.createFile(DIR, 3 << 20);
        HostRegion imported = Regions.importFrom(owned.descriptor());
        try {
            for (HostRegion region : List.of(owned, imported)) {
                assertThat(region.isAddressable()).isFalse();
                assertThatThrownBy(() -> region.slice(0, 1))
                        .isInstanceOf(UnsupportedOperationException.class)
                        .hasMessageContaining("id=" + owned.id())
                        .hasMessageContaining("readFully");
                assertThatThrownBy(() -> region.address(0)).isInstanceOf(UnsupportedOperationException.class);
                assertThatThrownBy(() -> region.readFully((3 << 20) - 1, ByteBuffer.allocate(2)))
                        .isInstanceOf(IndexOutOfBoundsException.class);
            }
            ByteBuffer bytes = ByteBuffer.allocateDirect(200_000);
            while (bytes.hasRemaining()) {
                bytes.putInt(bytes.position() * 31);
            }
            Objects.requireNonNull(((DescribedRegion) owned).ownFile())
                    .write(RegionHeaderLayout.SIZE_BYTES + 5, bytes.flip());
            for (ByteBuffer read : List.of(ByteBuffer.allocate(200_000), ByteBuffer.allocateDirect(200_000))) {
                Thread.currentThread().interrupt();
                imported.readFully(5, read);
                assertThat(Thread.interrupted()).as("kept for the caller").isTrue();
                assertThat(read.flip()).isEqualTo(bytes.rewind());
            }
            String maps = Files.readString(Path.of("/proc/self/maps"));
            assertThat(maps.lines()
                            .filter(line -> line.contains("spark-mooncake-"))
                            .mapToLong(RegionsTest::bytes)
                            .sum())
                    .as("header pages only")
                    .isEqualTo(2L * RegionHeaderLayout.SIZE_BYTES);
            Regions.revoke(imported);
            assertThat(Regions.isRevoked(owned)).as("only the owner revokes").isFalse();
            Regions.revoke(owned);
            assertThat(Regions.isRevoked(imported)).isTrue();
            assertThatThrownBy(() -> imported.readFully(5, ByteBuffer.allocate(10)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("revoked")
                    .hasMessageContaining("id=" + owned.id());
            assertThatThrownBy(() -> Regions.importFrom(owned.descriptor())).isInstanceOf(IOException.class);
        } finally {
            imported.release();
            owned.release();
        }
    }

    private static long bytes(String mapping) {
        int dash = mapping.indexOf('-');
        return Long.parseLong(mapping.substring(dash + 1, mapping.indexOf(' ')), 16)
                - Long.parseLong(mapping.substring(0, dash), 16);
    }

    @Test
    void directoryBehindALinkMakesShareableRegions(@TempDir Path dir) throws IOException {
        Path link = Files.createSymbolicLink(dir.resolve("link"), DIR);
        HostRegion owned = Regions.create(link, 100, Location.ANY);
        assertThat(owned.descriptor().path()).startsWith("/proc/");
        Regions.importFrom(owned.descriptor()).release();
        owned.release();
    }

    @Test
    void createFailsWithoutItsDirectoryAndLeavesNothing(@TempDir Path dir) throws IOException {
        assertThatThrownBy(() -> Regions.create(dir.resolve("missing"), 100, Location.ANY))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("missing");
        assertThat(Optional.ofNullable(dir.toFile().list()).orElseThrow()).isEmpty();
    }

    private static void assertRefused(RegionDescriptor descriptor, String reason) {
        assertThatThrownBy(() -> Regions.importFrom(descriptor))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(reason);
    }

    private static String ownPath(int descriptor) {
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + descriptor;
    }

    private static RegionDescriptor with(long id, long key, long sizeBytes, String path) {
        return new RegionDescriptor(id, key, sizeBytes, Location.ANY, path);
    }
}
