// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import static io.sparkmooncake.transfer.testing.ContractBench.completed;
import static io.sparkmooncake.transfer.testing.ContractBench.failure;
import static io.sparkmooncake.transfer.testing.ContractBench.submit;
import static io.sparkmooncake.transfer.testing.Workers.availableBytes;
import static io.sparkmooncake.transfer.testing.Workers.inThreads;
import static io.sparkmooncake.transfer.testing.Workers.shutDown;
import static io.sparkmooncake.transfer.testing.Workers.workers;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.Footprint;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import io.sparkmooncake.transfer.testing.TransportFixture;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What every transport does alike. A subclass returns a fixture; the owner of the remote regions is another JVM. Every random
 * choice follows from {@link #SEED}.
 */
public abstract class TransportContract {
    private static final long SEED = 20260101;
    private static final int MIB = 1 << 20;
    /** First touch of memory may be slow on a virtual machine. */
    private static final Duration TIMEOUT = Duration.ofMinutes(10);

    private static final Set<Code> ENDED =
            EnumSet.of(Code.PEER_LOST, Code.TIMED_OUT, Code.REFUSED, Code.UNREACHABLE, Code.CLOSED);

    private final TransportFixture fixture = fixture();
    private Footprint before;
    private ContractBench bench;

    /** Returns how to start the transport; its class is found by name in the owner's JVM. */
    protected abstract TransportFixture fixture();

    @BeforeEach
    void open() throws Exception {
        fixture.open("first").close();
        before = Footprint.take(ContractBench.DIR);
        bench = new ContractBench(fixture);
    }

    @AfterEach
    void nothingIsLeftBehind() throws Exception {
        bench.close();
        before.assertRestored();
    }

    @Test
    void eightThreadsReadAndWriteRandomStretches() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(16 * MIB, SEED);
        RegionDescriptor target = owner.create(16 * MIB);
        Link link = bench.link(owner.record());
        inThreads(8, thread -> {
            Random random = new Random(SEED + thread);
            MemoryRegion local = bench.local(2 * MIB);
            for (int round = 0; round < 40; round++) {
                int length = 1 + random.nextInt(round % 4 == 0 ? MIB : 5_000);
                long from = (long) (random.nextDouble() * (source.sizeBytes() - length));
                int at = random.nextInt(MIB);
                TransferBatch read = new TransferBatch(Opcode.READ, TIMEOUT);
                read.add(local, at, source, from, length);
                completed(submit(link, read));
                assertThat(fixture.mismatch(local, at, length, SEED, from)).isEqualTo(-1);
                long to = thread * 2L * MIB + random.nextInt(MIB);
                TransferBatch write = new TransferBatch(Opcode.WRITE, TIMEOUT);
                write.add(local, at, target, to, length);
                completed(submit(link, write));
                TransferBatch back = new TransferBatch(Opcode.READ, TIMEOUT);
                back.add(local, 0, target, to, length);
                completed(submit(link, back));
                assertThat(fixture.mismatch(local, 0, length, SEED, from)).isEqualTo(-1);
            }
        });
    }

    @Test
    void ownerSeesWhatWasWritten() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor target = owner.create(4 * MIB);
        MemoryRegion local = bench.local(4 * MIB);
        fixture.fill(local, 0, local.sizeBytes(), SEED);
        TransferBatch batch = new TransferBatch(Opcode.WRITE, TIMEOUT);
        batch.add(local, 1001, target, 77, 3 * MIB + 5);
        completed(submit(bench.link(owner.record()), batch));
        assertThat(owner.mismatch(target, 77, 3 * MIB + 5, SEED, 1001)).isEqualTo(-1);
    }

    @Test
    void oneBatchGathersThousandsOfSmallPieces() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        List<RegionDescriptor> sources = List.of(owner.create(MIB, SEED), owner.create(MIB, SEED + 1));
        Link link = bench.link(owner.record());
        MemoryRegion local = bench.local(4 * MIB);
        Random random = new Random(SEED);
        int pieces = 10_000;
        TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
        long at = 0;
        for (int i = 0; i < pieces; i++) {
            int length = random.nextInt(300);
            batch.add(local, at, sources.get(random.nextInt(2)), random.nextInt(MIB - length), length);
            at += length;
        }
        completed(submit(link, batch));
        assertThat(batch.totalBytes()).isEqualTo(at);
        for (int i = 0; i < pieces; i++) {
            long seed = SEED + sources.indexOf(batch.remote(i));
            assertThat(fixture.mismatch(local, batch.localOffset(i), batch.length(i), seed, batch.remoteOffset(i)))
                    .as("piece %d", i)
                    .isEqualTo(-1);
        }
    }

    @Test
    void zeroLengthAndNoRequestsComplete() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(64, SEED);
        Link link = bench.link(owner.record());
        completed(submit(link, new TransferBatch(Opcode.READ, TIMEOUT)));
        MemoryRegion local = bench.local(64);
        TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
        batch.add(local, 64, source, 64, 0);
        batch.add(local, 0, source, 3, 8);
        batch.add(local, 0, source, 0, 0);
        completed(submit(link, batch));
        assertThat(fixture.mismatch(local, 0, 8, SEED, 3)).isEqualTo(-1);
    }

    @Test
    @Tag("campaign")
    void oneRequestExceedsFourGigabytes() throws Exception {
        long length = (4L << 30) + 3 * MIB + 17;
        long available = availableBytes();
        assumeTrue(
                available > 2 * length + (2L << 30),
                "skipped: two regions of " + length + " bytes, MemAvailable is " + available);
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(length + 11);
        long[] marks = {11, (1L << 30) - 50, (2L << 30) - 50, (4L << 30) - 50, length - 100};
        for (long mark : marks) {
            owner.fill(source, mark, 100, SEED);
        }
        MemoryRegion local = bench.local(length);
        TransferOutcome outcome = bench.read(bench.link(owner.record()), source, 11, local, length);
        assertThat(outcome.failure()).isEmpty();
        assertThat(outcome.bytes()).isEqualTo(length);
        for (long mark : marks) {
            assertThat(fixture.mismatch(local, mark - 11, 100, SEED, mark)).isEqualTo(-1);
        }
    }

    @Test
    void refusesWhatIsOutOfBoundsOrLacksTheKeyAndCountsIt() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(4096, SEED);
        Link link = bench.link(owner.record());
        MemoryRegion local = bench.local(8192);
        RegionDescriptor forged = new RegionDescriptor(
                source.id(), source.key() + 1, source.sizeBytes(), source.location(), source.path());
        RegionDescriptor unknown = new RegionDescriptor(
                source.id() + 1000, source.key(), source.sizeBytes(), source.location(), source.path());
        long counted = bench.refused(owner);
        for (Opcode opcode : Opcode.values()) {
            TransferBatch batch = new TransferBatch(opcode, TIMEOUT);
            batch.add(local, 0, source, 0, 4096);
            batch.add(local, 0, source, 1, 4096);
            batch.add(local, 0, source, -1, 10);
            batch.add(local, 0, source, Long.MAX_VALUE - 5, 10);
            batch.add(local, 0, forged, 0, 10);
            batch.add(local, 0, unknown, 0, 10);
            batch.add(local, 0, source, 0, 4096);
            submit(link, batch);
            assertThat(batch.outcome(0).status()).isEqualTo(Status.COMPLETED);
            assertThat(batch.outcome(6).status()).isEqualTo(Status.COMPLETED);
            for (int i = 1; i < 6; i++) {
                assertThat(failure(batch.outcome(i), Code.REFUSED))
                        .contains("owner")
                        .contains("id=" + batch.remote(i).id());
            }
            assertThat(failure(batch.outcome(1), Code.REFUSED)).contains("4096");
        }
        assertThat(bench.refused(owner) - counted).isEqualTo(10);
        assertThat(owner.mismatch(source, 0, 4096, SEED, 0))
                .as("only whole, allowed writes")
                .isEqualTo(-1);
    }

    @Test
    void unregisterWhileInFlightDeliversNothingWrittenLater() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(4 * MIB, SEED);
        Link link = bench.link(owner.record());
        AtomicBoolean stop = new AtomicBoolean();
        ExecutorService readers = workers(3);
        CountDownLatch underWay = new CountDownLatch(3);
        List<Future<Integer>> counts = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            MemoryRegion local = bench.local(4 * MIB);
            counts.add(readers.submit(() -> {
                int completed = 0;
                while (!stop.get()) {
                    TransferOutcome outcome = bench.read(link, source, 0, local, 4 * MIB);
                    if (outcome.status() == Status.COMPLETED) {
                        completed++;
                        assertThat(fixture.mismatch(local, 0, 4 * MIB, SEED, 0)).isEqualTo(-1);
                        if (completed == 1) {
                            underWay.countDown();
                        }
                    } else {
                        failure(outcome, Code.REFUSED);
                    }
                }
                failure(bench.read(link, source, 0, local, 4 * MIB), Code.REFUSED);
                return completed;
            }));
        }
        assertThat(underWay.await(60, TimeUnit.SECONDS)).isTrue();
        owner.unregister(source);
        owner.fill(source, 0, 4 * MIB, SEED + 1);
        owner.release(source);
        Thread.sleep(100);
        stop.set(true);
        for (Future<Integer> count : counts) {
            assertThat(count.get(60, TimeUnit.SECONDS)).isPositive();
        }
        shutDown(readers);
    }

    @Test
    void everyBatchEndsWhenTheOwnerIsKilled() throws Exception {
        Random random = new Random(SEED);
        for (int round = 0; round < 4; round++) {
            OwnerProcess owner = bench.owner("owner-" + round);
            RegionDescriptor source = owner.create(8 * MIB, SEED);
            Link link = bench.link(owner.record());
            AtomicBoolean stop = new AtomicBoolean();
            ExecutorService readers = workers(2);
            List<Future<?>> ends = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                MemoryRegion local = bench.local(8 * MIB);
                ends.add(readers.submit(() -> {
                    while (!stop.get()) {
                        readOrFail(link, source, local);
                    }
                    return null;
                }));
            }
            Thread.sleep(random.nextInt(80));
            owner.kill();
            Thread.sleep(200);
            stop.set(true);
            for (Future<?> end : ends) {
                end.get(90, TimeUnit.SECONDS);
            }
            shutDown(readers);
            link.close();
        }
    }

    private void readOrFail(Link link, RegionDescriptor source, MemoryRegion local) throws Exception {
        TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofSeconds(60));
        for (int piece = 0; piece < 8; piece++) {
            batch.add(local, (long) piece * MIB, source, (long) piece * MIB, MIB);
        }
        submit(link, batch);
        for (int piece = 0; piece < 8; piece++) {
            TransferOutcome outcome = batch.outcome(piece);
            if (outcome.status() == Status.COMPLETED) {
                long at = (long) piece * MIB;
                assertThat(fixture.mismatch(local, at, MIB, SEED, at)).isEqualTo(-1);
            } else {
                assertThat(ENDED).contains(outcome.failure().orElseThrow().code());
            }
        }
    }

    @Test
    void frozenOwnerIsReportedByNameAtTheDeadlineOrDoesNotMatter() throws Exception {
        OwnerProcess owner = bench.owner("sleepy");
        RegionDescriptor source = owner.create(MIB, SEED);
        Link link = bench.link(owner.record());
        MemoryRegion local = bench.local(MIB);
        owner.freeze();
        Duration timeout = Duration.ofSeconds(fixture.frozenOwnersCanBeRead() ? 60 : 1);
        TransferBatch batch = new TransferBatch(Opcode.READ, timeout);
        batch.add(local, 0, source, 0, MIB);
        submit(link, batch);
        if (fixture.frozenOwnersCanBeRead()) {
            completed(batch);
            assertThat(fixture.mismatch(local, 0, MIB, SEED, 0)).isEqualTo(-1);
        } else {
            assertThat(failure(batch.outcome(0), Code.TIMED_OUT)).contains("sleepy");
            fixture.fill(local, 0, MIB, SEED + 1);
        }
        owner.thaw();
        if (!fixture.frozenOwnersCanBeRead()) {
            Thread.sleep(500);
            assertThat(fixture.mismatch(local, 0, MIB, SEED + 1, 0))
                    .as("a late answer")
                    .isEqualTo(-1);
        }
    }

    @Test
    void refusesAnEarlierLifeOfTheSameName() throws Exception {
        OwnerProcess first = bench.owner("phoenix");
        RegionDescriptor old = first.create(4096, SEED);
        first.kill();
        OwnerProcess second = bench.owner("phoenix");
        RegionDescriptor fresh = second.create(4096, SEED);
        assertThat(second.record().epoch()).isNotEqualTo(first.record().epoch());
        String reason = bench.verdict(first.record()).fold(reached -> "reached", refused -> refused);
        assertThat(reason).contains("phoenix").isNotEqualTo("reached");
        Link link = bench.link(second.record());
        MemoryRegion local = bench.local(4096);
        failure(bench.read(link, old, 0, local, 4096), Code.REFUSED);
        assertThat(bench.read(link, fresh, 0, local, 4096).status()).isEqualTo(Status.COMPLETED);
    }

    @Test
    void cancelledBatchesEnd() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(8 * MIB, SEED);
        Link link = bench.link(owner.record());
        MemoryRegion local = bench.local(8 * MIB);
        TransferBatch early = new TransferBatch(Opcode.READ, TIMEOUT);
        early.add(local, 0, source, 0, 8 * MIB);
        early.cancel();
        failure(submit(link, early).outcome(0), Code.CANCELLED);
        for (int round = 0; round < 5; round++) {
            TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
            for (int i = 0; i < 64; i++) {
                batch.add(local, 0, source, 0, 8 * MIB);
            }
            Thread canceller = new Thread(batch::cancel, "contract-canceller");
            canceller.start();
            submit(link, batch);
            canceller.join();
            for (int i = 0; i < batch.count(); i++) {
                if (batch.outcome(i).status() != Status.COMPLETED) {
                    failure(batch.outcome(i), Code.CANCELLED);
                }
            }
        }
    }

    @Test
    void closedLinkFailsItsBatches() throws Exception {
        OwnerProcess owner = bench.owner("owner");
        RegionDescriptor source = owner.create(MIB, SEED);
        Link link = bench.link(owner.record());
        MemoryRegion local = bench.local(MIB);
        assertThat(bench.read(link, source, 0, local, MIB).status()).isEqualTo(Status.COMPLETED);
        assertThat(link.lost()).isNotDone();
        link.close();
        assertThat(link.lost().get(60, TimeUnit.SECONDS)).contains("owner");
        failure(bench.read(link, source, 0, local, MIB), Code.CLOSED);
    }
}
