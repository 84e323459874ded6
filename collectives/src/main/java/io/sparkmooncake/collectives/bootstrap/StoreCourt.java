// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Court;
import io.sparkmooncake.collectives.fabric.Verdict;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Store;
import io.sparkmooncake.transfer.store.StoreValue;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Lets the store decide between ranks that give up at the same time: the first verdict there counts, on both sides of a link that
 * was cut. A rank that cannot ask the store within a few seconds lets its own stand, and so does one whose process was removed, if
 * nobody else gives one. Then each rank tells those that it is connected
 * to, and they those that they are.
 *
 * <p>Threading: safe from any thread.
 */
final class StoreCourt implements Court {
    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final long RETRY_MILLIS = 50;

    private final Membership self;
    private final Store store;
    private final Agent agent;
    private final RankEnds ends;
    private final Duration kept;
    private final String key;
    private final String record;
    private final Set<Peer> peers = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean spread = new AtomicBoolean();

    /**
     * Creates the court of one rank.
     *
     * @param kept how long a verdict stays in the store
     */
    StoreCourt(Membership self, Store store, Agent agent, RankEnds ends, Duration kept) {
        this.self = self;
        this.store = store;
        this.agent = agent;
        this.ends = ends;
        this.kept = kept;
        this.record = RankBoard.prefix(self) + self.rank() + RankBoard.RECORD;
        this.key = "collective-verdicts/" + self.communicator() + "/" + self.epoch();
    }

    /** Adds a process that has ranks of the communicator. */
    void follow(Peer peer) {
        peers.add(peer);
    }

    @Override
    public Verdict settle(Verdict own) {
        boolean interrupted = Thread.interrupted(); // it is the reason at times, and must not cut this short
        long endNanos = System.nanoTime() + LIMIT.toNanos();
        try {
            while (true) {
                long leftNanos = endNanos - System.nanoTime();
                try {
                    return settled(own).get(leftNanos, TimeUnit.NANOSECONDS);
                } catch (ExecutionException e) {
                    // Another rank's verdict that was told meanwhile counts before this one, whatever the store says.
                    if (leftNanos < TimeUnit.MILLISECONDS.toNanos(RETRY_MILLIS) || !isSilent(e) || spread.get()) {
                        return own;
                    }
                    TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
                }
            }
        } catch (InterruptedException e) {
            interrupted = true;
            return own;
        } catch (TimeoutException e) {
            return own;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** A process that was removed blames those who closed their connections to it: what it finds does not count. */
    private CompletableFuture<Verdict> settled(Verdict own) {
        return store.get(record).thenCompose(found -> {
            if (found.isEmpty()) {
                return store.await(key, LIMIT).thenApply(StoreCourt::verdictOf);
            }
            return store.compareAndSet(key, Optional.empty(), Blob.of(own.encode()))
                    .thenApply(swap -> {
                        if (swap.done()) {
                            forgetLater();
                        }
                        return swap.done()
                                ? own
                                : swap.current().map(StoreCourt::verdictOf).orElse(own);
                    });
        });
    }

    private static Verdict verdictOf(StoreValue value) {
        return Verdict.decode(new String(value.bytes().toBytes(), StandardCharsets.UTF_8));
    }

    private static boolean isSilent(ExecutionException asked) {
        return asked.getCause() instanceof TransferException cause
                && cause.code() == TransferException.Code.UNREACHABLE;
    }

    private void forgetLater() {
        try {
            agent.after(kept, () -> {
                var unused = store.delete(key);
            });
        } catch (RejectedExecutionException e) {
            var unused = store.delete(key);
        }
    }

    @Override
    public void spread(Verdict verdict) {
        if (!spread.compareAndSet(false, true)) {
            return;
        }
        ends.tell(self.communicator(), self.epoch(), verdict);
        RankFrame.Told told = new RankFrame.Told(self.communicator(), self.epoch(), verdict.encode());
        for (Peer peer : peers) {
            var unused = peer.ask(RankEnds.NAME, RankFrame.encode(told), LIMIT);
        }
    }
}
