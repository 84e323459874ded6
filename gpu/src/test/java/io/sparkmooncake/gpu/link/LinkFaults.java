// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static io.sparkmooncake.transfer.testing.ContractBench.completed;
import static io.sparkmooncake.transfer.testing.ContractBench.failure;
import static io.sparkmooncake.transfer.testing.ContractBench.submit;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.kernel.Kernels;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import io.sparkmooncake.transfer.testing.Pattern;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** What harms mapped memory, each on purpose: a named failure, and nothing left behind. */
final class LinkFaults {
    private static final int MIB = 1 << 20;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final DeviceFixture fixture = new DeviceFixture.Plain();
    private final LinkChecks checks;

    LinkFaults(LinkChecks checks) {
        this.checks = checks;
    }

    void run() throws Exception {
        Device device = fixture.device();
        long free = device.room().freeBytes();
        checks.check("peer killed while its memory is mapped", this::peerKilled);
        checks.check("handles of regions that come and go", this::stale);
        checks.check("out of memory", this::outOfMemory);
        checks.check("after the caller's stream", this::ordered);
        checks.check("between device and host", this::host);
        int held = device.plain().held() + device.virtual().held();
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (device.room().freeBytes() < free && System.nanoTime() - endNanos < 0) {
            Thread.sleep(50);
        }
        long missing = free - device.room().freeBytes();
        checks.check("leaks: held=" + held + " bytes missing on the device=" + missing, () -> {
            assertThat(held).isZero();
            assertThat(missing).isLessThanOrEqualTo(4 * MIB);
        });
        // Last: nothing on the device works afterwards.
        checks.check("a kernel that fails", this::sticky);
    }

    private void peerKilled() throws Exception {
        try (ContractBench bench = new ContractBench(fixture)) {
            OwnerProcess owner = bench.owner("owner");
            RegionDescriptor source = owner.create(64 * MIB, 5);
            Link link = bench.link(owner.record());
            MemoryRegion local = bench.local(64 * MIB);
            assertThat(bench.read(link, source, 0, local, 64 * MIB).status()).isEqualTo(Status.COMPLETED);
            owner.kill();
            long begin = System.nanoTime();
            TransferOutcome outcome = bench.read(link, source, 0, local, 64 * MIB);
            while (outcome.status() == Status.COMPLETED && System.nanoTime() - begin < TIMEOUT.toNanos()) {
                outcome = bench.read(link, source, 0, local, 64 * MIB);
            }
            String text = failure(outcome, Code.PEER_LOST);
            assertThat(text).contains("owner").contains("pid=" + owner.pid());
            assertThat(link.lost().get(60, TimeUnit.SECONDS)).contains("owner");
            checks.say("    %s, %d ms after the kill", text, (System.nanoTime() - begin) / 1_000_000);
        }
    }

    private void stale() throws Exception {
        try (ContractBench bench = new ContractBench(fixture)) {
            OwnerProcess owner = bench.owner("owner");
            Link link = bench.link(owner.record());
            MemoryRegion local = bench.local(4 * MIB);
            int sameHandle = 0;
            RegionDescriptor before = owner.create(4 * MIB, 100);
            for (int round = 0; round < 30; round++) {
                assertThat(bench.read(link, before, 0, local, 4 * MIB).status()).isEqualTo(Status.COMPLETED);
                assertThat(fixture.mismatch(local, 0, 4 * MIB, 100 + round, 0)).isEqualTo(-1);
                owner.unregister(before);
                owner.release(before);
                RegionDescriptor next = owner.create(4 * MIB, 101 + round);
                sameHandle += next.path().equals(before.path()) ? 1 : 0;
                failure(bench.read(link, before, 0, local, 4 * MIB), Code.REFUSED);
                before = next;
            }
            checks.say("    30 regions one after the other, same address and handle as the one before: %d", sameHandle);
        }
    }

    private void outOfMemory() {
        long total = fixture.device().identity().totalBytes();
        assertThatThrownBy(() -> DeviceMemory.allocate(fixture.device(), DeviceRegion.Kind.PLAIN, 2 * total))
                .isInstanceOf(GpuException.class)
                .hasMessageContaining("free=")
                .satisfies(e -> checks.say("    %s", String.valueOf(e.getMessage())));
    }

    /** A WRITE of memory that a stream fills a little later has what the stream wrote; nothing of the host waits for it. */
    private void ordered() throws Exception {
        Device device = fixture.device();
        try (ContractBench bench = new ContractBench(fixture);
                DeviceStream stream = device.stream()) {
            OwnerProcess owner = bench.owner("owner");
            RegionDescriptor target = owner.create(4 * MIB, 3);
            Link link = bench.link(owner.record());
            DeviceMemory local = (DeviceMemory) bench.local(4 * MIB);
            DeviceMemory back = (DeviceMemory) bench.local(4 * MIB);
            DeviceMemory large = (DeviceMemory) bench.local(2L << 30);
            fixture.fill(local, 0, 4 * MIB, 4);
            DeviceMemory pattern = (DeviceMemory) bench.local(4 * MIB);
            fixture.fill(pattern, 0, 4 * MIB, 77);
            for (int i = 0; i < 40; i++) {
                device.copy(large.address(), large.address() + (1L << 30), 1L << 30, stream);
            }
            device.copy(local.address(), pattern.address(), 4 * MIB, stream);
            local.after(stream);
            TransferBatch write = new TransferBatch(Opcode.WRITE, TIMEOUT);
            write.add(local, 0, target, 0, 4 * MIB);
            long begin = System.nanoTime();
            write.begin();
            link.submit(write);
            long submitted = System.nanoTime() - begin;
            boolean busy = !stream.isIdle();
            write.completion().get(60, TimeUnit.SECONDS);
            long done = System.nanoTime() - begin;
            completed(write);
            assertThat(bench.read(link, target, 0, back, 4 * MIB).status()).isEqualTo(Status.COMPLETED);
            assertThat(fixture.mismatch(back, 0, 4 * MIB, 77, 0)).isEqualTo(-1);
            assertThat(busy).as("the stream worked when submit returned").isTrue();
            checks.say(
                    "    submit returned after %d us, the write was done after %d us", submitted / 1000, done / 1000);
        }
    }

    private void host() throws Exception {
        try (ContractBench bench = new ContractBench(fixture)) {
            OwnerProcess owner = bench.owner("owner");
            RegionDescriptor source = owner.create(40 * MIB, 9);
            Link link = bench.link(owner.record());
            HostRegion host = Regions.create(ContractBench.DIR, 40 * MIB, Location.ANY);
            MemoryRegion local = bench.local(40 * MIB);
            for (int length : new int[] {1, 5_000, 300_001, 33 * MIB + 3}) {
                TransferBatch read = new TransferBatch(Opcode.READ, TIMEOUT);
                read.add(host, 3, source, 1001, length);
                completed(submit(link, read));
                assertThat(Pattern.mismatch(host, 3, length, 9, 1001)).isEqualTo(-1);
                TransferBatch write = new TransferBatch(Opcode.WRITE, TIMEOUT);
                write.add(host, 3, source, 0, length);
                completed(submit(link, write));
                assertThat(owner.mismatch(source, 0, length, 9, 1001)).isEqualTo(-1);
                owner.fill(source, 0, 40 * MIB, 9);
                // The other way: memory of a host that is mapped here, and local device memory.
                TransferBatch fetch = new TransferBatch(Opcode.READ, TIMEOUT);
                fetch.add(local, 7, host.descriptor(), 3, length);
                completed(submit(link, fetch));
                assertThat(fixture.mismatch(local, 7, length, 9, 1001)).isEqualTo(-1);
                TransferBatch give = new TransferBatch(Opcode.WRITE, TIMEOUT);
                give.add(local, 7, host.descriptor(), 0, length);
                completed(submit(link, give));
                assertThat(Pattern.mismatch(host, 0, length, 9, 1001)).isEqualTo(-1);
            }
            Regions.revoke(host);
            TransferBatch late = new TransferBatch(Opcode.READ, TIMEOUT);
            late.add(local, 0, host.descriptor(), 0, 8);
            failure(submit(link, late).outcome(0), Code.REFUSED);
            link.close();
            host.release();
        }
    }

    private void sticky() throws Exception {
        Device device = fixture.device();
        ContractBench bench = new ContractBench(fixture);
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(4 * MIB, 5);
        Link link = bench.link(owner.record());
        MemoryRegion local = bench.local(4 * MIB);
        assertThat(bench.read(link, source, 0, local, 4 * MIB).status()).isEqualTo(Status.COMPLETED);
        long[] table = {0x1000};
        long[] rows = {64};
        KernelModule kernels = Kernels.load(device);
        DeviceStream stream = device.stream();
        kernels.kernel("gatherBlocks", table, rows).launch(1, 512, stream);
        assertThatThrownBy(() -> stream.synchronize(TIMEOUT))
                .isInstanceOf(GpuException.class)
                .satisfies(e -> assertThat(((GpuException) e).code()).isEqualTo(GpuException.Code.DEVICE_LOST));
        String text = failure(bench.read(link, source, 0, local, 4 * MIB), Code.UNREACHABLE);
        assertThat(text).contains("does nothing any more");
        assertThat(link.lost().get(60, TimeUnit.SECONDS)).contains("does nothing any more");
        checks.say("    %s", text);
        failure(bench.read(link, source, 0, local, 4 * MIB), Code.UNREACHABLE);
        bench.close();
    }
}
