// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** A connected peer whose connection breaks, is busy or is slow now and then, by chance. */
final class FaultyPeer extends DelegatingPeer {
    private static final Code[] BROKEN = {Code.PEER_LOST, Code.UNREACHABLE, Code.TIMED_OUT, Code.CLOSED};

    private final Random random;
    private final int faultsInHundred;

    FaultyPeer(Peer peer, Random random, int faultsInHundred) {
        super(peer);
        this.random = random;
        this.faultsInHundred = faultsInHundred;
    }

    private synchronized boolean chance() {
        return random.nextInt(100) < faultsInHundred;
    }

    private synchronized int below(int bound) {
        return random.nextInt(bound);
    }

    private TransferException broken() {
        return new TransferException(BROKEN[below(BROKEN.length)], "broken by a test");
    }

    @Override
    public Submission submit(TransferBatch batch) {
        if (chance()) {
            return Submission.BUSY;
        }
        TransferBatch inner = new TransferBatch(batch.opcode(), batch.timeout());
        for (int i = 0; i < batch.count(); i++) {
            inner.add(batch.local(i), batch.localOffset(i), batch.remote(i), batch.remoteOffset(i), batch.length(i));
        }
        batch.begin();
        int delivered = chance() ? below(batch.count() + 1) : batch.count();
        var unused = inner.completion().thenAccept(done -> {
            for (int i = 0; i < delivered; i++) {
                TransferOutcome outcome = done.outcome(i);
                outcome.failure().ifPresentOrElse(failure -> batch.failUnfinished(failure), complete(batch, i));
            }
            batch.failUnfinished(broken());
        });
        later().execute(() -> super.submit(inner));
        return Submission.ACCEPTED;
    }

    private static Runnable complete(TransferBatch batch, int index) {
        return () -> batch.complete(index);
    }

    private Executor later() {
        return below(3) == 0 ? Runnable::run : CompletableFuture.delayedExecutor(below(5), TimeUnit.MILLISECONDS);
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) throws TransferException {
        if (chance()) {
            throw new TransferException(Code.PEER_LOST, "lost by a test");
        }
        return super.map(region);
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
        return chance()
                ? CompletableFuture.failedFuture(broken())
                : CompletableFuture.supplyAsync(() -> 0, later())
                        .thenCompose(now -> super.ask(service, request, timeout));
    }
}
