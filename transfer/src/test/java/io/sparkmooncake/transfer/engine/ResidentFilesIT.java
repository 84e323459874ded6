// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.shm.ShmFixture;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.tcp.TcpFixture;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import io.sparkmooncake.transfer.testing.Pattern;
import io.sparkmooncake.transfer.testing.TransportFixture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files of four times the bound are written, served and read, and are resident neither in their owner nor in their reader. */
final class ResidentFilesIT {
    private static final int STEP_BYTES = 8 << 20;
    private static final long BOUND_BYTES = 64L << 20;
    private static final long FILE_BYTES = 4 * BOUND_BYTES;

    @TempDir
    Path directory;

    /** Regions of a transport are files. */
    public abstract static class InFiles implements TransportFixture {
        private final TransportFixture transport;
        private final Map<Long, Extent> extents = new ConcurrentHashMap<>();

        InFiles(TransportFixture transport) {
            this.transport = transport;
        }

        @Override
        public End open(String name) throws Exception {
            return transport.open(name);
        }

        @Override
        public boolean frozenOwnersCanBeRead() {
            return transport.frozenOwnersCanBeRead();
        }

        @Override
        public boolean readerCountsRefusals() {
            return transport.readerCountsRefusals();
        }

        @Override
        public MemoryRegion create(Path dir, long sizeBytes) throws IOException {
            RegionPool pool = RegionPool.files(
                    List.of(dir), new RegionPool.Limits(sizeBytes, sizeBytes, Duration.ofDays(1)), RegionListener.NONE);
            Extent extent = pool.tryAllocate(sizeBytes).orElseThrow();
            extents.put(extent.region().id(), extent);
            return extent.region();
        }

        @Override
        public void fill(MemoryRegion region, long offset, long length, long seed) {
            Extent extent = Objects.requireNonNull(extents.get(region.id()));
            HostRegion step = Regions.allocate(STEP_BYTES);
            try {
                for (long at = 0; at < length; at += STEP_BYTES) {
                    Pattern.fill(step, 0, STEP_BYTES, seed + at);
                    extent.write(offset + at, step.slice(0, STEP_BYTES));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } finally {
                step.release();
            }
        }
    }

    /** Over tcp. */
    public static final class Tcp extends InFiles {
        /** Creates the fixture. */
        public Tcp() {
            super(new TcpFixture());
        }
    }

    /** Over encrypted tcp. */
    public static final class Encrypted extends InFiles {
        /** Creates the fixture. */
        public Encrypted() {
            super(new TcpFixture.Encrypted());
        }
    }

    /** Over shared memory. */
    public static final class Shm extends InFiles {
        /** Creates the fixture. */
        public Shm() {
            super(new ShmFixture());
        }
    }

    static Stream<TransportFixture> fixtures() {
        return Stream.of(new Tcp(), new Encrypted(), new Shm());
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void filesAreNotResident(TransportFixture fixture) throws Exception {
        HostRegion local = Regions.allocate(STEP_BYTES);
        try (ContractBench bench = new ContractBench(fixture);
                OwnerProcess owner = OwnerProcess.start(fixture.getClass(), "owner", directory)) {
            Link link = bench.link(owner.record());
            RegionDescriptor small = owner.create(STEP_BYTES, 1);
            read(link, small, 1, local);
            long ownerBefore = residentFileBytes(owner.pid());
            long readerBefore = residentFileBytes(ProcessHandle.current().pid());
            read(link, owner.create(FILE_BYTES, 2), 2, local);
            assertThat(residentFileBytes(owner.pid()) - ownerBefore)
                    .as("file pages that became resident in the owner")
                    .isLessThan(BOUND_BYTES);
            assertThat(residentFileBytes(ProcessHandle.current().pid()) - readerBefore)
                    .as("file pages that became resident in the reader")
                    .isLessThan(BOUND_BYTES);
        } finally {
            local.release();
        }
    }

    private static void read(Link link, RegionDescriptor remote, long seed, HostRegion local) throws Exception {
        for (long at = 0; at < remote.sizeBytes(); at += STEP_BYTES) {
            TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofMinutes(10));
            batch.add(local, 0, remote, at, STEP_BYTES);
            ContractBench.completed(ContractBench.submit(link, batch));
            assertThat(Pattern.mismatch(local, 0, STEP_BYTES, seed + at, 0)).isEqualTo(-1);
        }
    }

    /** Returns the pages of files, shared memory included, that count as a process's memory. */
    private static long residentFileBytes(long pid) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
                .filter(line -> line.startsWith("RssFile:") || line.startsWith("RssShmem:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                .sum();
    }
}
