// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferOutcome;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.testing.TransportFixture.End;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.TimeUnit;

/** The reading process of a contract test: one end, and everything that a test opened, closed in reverse order. */
public final class ContractBench implements AutoCloseable {
    /** Directory of the test's regions. */
    public static final Path DIR = Path.of("/dev/shm");

    private static final Duration TIMEOUT = Duration.ofMinutes(10);

    private final TransportFixture fixture;
    private final End end;
    private final Deque<Closeable> open = new ArrayDeque<>();
    private final Deque<MemoryRegion> locals = new ConcurrentLinkedDeque<>();

    /** Opens the reader's end. */
    public ContractBench(TransportFixture fixture) throws Exception {
        this.fixture = fixture;
        this.end = fixture.open("reader");
    }

    /** Returns the reader's end. */
    public End end() {
        return end;
    }

    /** Forks an owner that lives no longer than this bench. */
    public OwnerProcess owner(String name) throws IOException {
        OwnerProcess owner = OwnerProcess.start(fixture.getClass(), name, DIR);
        open.push(owner::close);
        return owner;
    }

    /** Links to an owner; a refusal fails the test. */
    public Link link(PeerRecord peer) throws Exception {
        Link link = verdict(peer).fold(reached -> reached, reason -> {
            throw new AssertionError(reason);
        });
        open.push(link::close);
        return link;
    }

    /** Returns the transport's verdict on a peer. */
    public Reachability verdict(PeerRecord peer) throws Exception {
        return end.transport().link(peer).get(60, TimeUnit.SECONDS);
    }

    /** Creates a local region that is registered here; freed with this bench. */
    public MemoryRegion local(long sizeBytes) throws IOException {
        MemoryRegion region = fixture.create(DIR, sizeBytes);
        locals.push(region);
        end.transport().register(region);
        return region;
    }

    /** Submits one READ from the start of a region to the start of a local one, and waits for its end. */
    public TransferOutcome read(Link link, RegionDescriptor remote, long offset, MemoryRegion local, long length)
            throws Exception {
        TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
        batch.add(local, 0, remote, offset, length);
        return submit(link, batch).outcome(0);
    }

    /** Submits a batch and waits for its end, which comes at most 30 s after its deadline. */
    public static TransferBatch submit(Link link, TransferBatch batch) throws Exception {
        batch.begin();
        link.submit(batch);
        batch.completion().get(batch.timeout().toSeconds() + 30, TimeUnit.SECONDS);
        return batch;
    }

    /** Returns the count of refusals, wherever this transport keeps it. */
    public long refused(OwnerProcess owner) throws IOException {
        return fixture.readerCountsRefusals() ? end.refusedRequests() : owner.refusedRequests();
    }

    /** Fails unless the request failed with this code, and returns its message. */
    public static String failure(TransferOutcome outcome, TransferException.Code code) {
        assertThat(outcome.status()).isEqualTo(Status.FAILED);
        TransferException failure = outcome.failure().orElseThrow();
        assertThat(failure.code()).as(failure.getMessage()).isEqualTo(code);
        return String.valueOf(failure.getMessage());
    }

    /** Fails unless every request completed. */
    public static void completed(TransferBatch batch) {
        batch.firstFailure().ifPresent(failure -> {
            throw new AssertionError(failure);
        });
        assertThat(batch.isDone()).isTrue();
    }

    @Override
    public void close() throws IOException {
        while (!open.isEmpty()) {
            open.pop().close();
        }
        for (MemoryRegion local : locals) {
            end.transport().unregister(local);
            local.release();
            assertThat(local.tryRetain()).as("somebody still counts " + local).isFalse();
        }
        end.close();
    }
}
