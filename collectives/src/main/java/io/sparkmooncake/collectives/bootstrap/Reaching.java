// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.link.LaneDialer;
import io.sparkmooncake.collectives.link.LaneStream;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Connects the processes of other ranks when lanes to them are first needed, and asks for their ends.
 *
 * <p>Threading: {@link #dial} by the rank's thread; connections complete on the agent's.
 */
final class Reaching implements LaneDialer {
    private static final Duration GRACE = Duration.ofSeconds(5);
    private static final Duration CALL_LIMIT = Duration.ofSeconds(2);

    private final Membership self;
    private final List<RankRecord> records;
    private final PeerDirectory directory;
    private final Duration timeout;
    private final Followed followed;
    private final Map<Integer, String> unmapped = new ConcurrentHashMap<>();
    private final Map<Integer, Peer> connected = new ConcurrentHashMap<>();

    /** What happens to a process once it is connected. */
    @FunctionalInterface
    interface Followed {
        void follow(int rank, Peer peer);
    }

    Reaching(Membership self, List<RankRecord> records, PeerDirectory directory, Duration timeout, Followed followed) {
        this.self = self;
        this.records = records;
        this.directory = directory;
        this.timeout = timeout;
        this.followed = followed;
    }

    /** Says why a rank's memory was not mapped, for the table of causes. */
    void unmapped(int rank, String reason) {
        unmapped.put(rank, reason);
    }

    /** One rank on its way. */
    private static final class Attempt {
        private final RankRecord record;
        private final long startNanos = System.nanoTime();
        private volatile String state = "connecting";
        private volatile @Nullable Peer peer;
        private CompletableFuture<LaneDialer.Far> end = new CompletableFuture<>();

        Attempt(RankRecord record) {
            this.record = record;
        }
    }

    @Override
    public List<LaneDialer.Far> dial(List<Integer> ranks, LaneStream stream, int slots, int slotBytes)
            throws CollectiveException {
        List<Attempt> attempts = new ArrayList<>();
        for (int rank : ranks) {
            Attempt attempt = new Attempt(records.get(rank));
            attempt.end = reach(attempt, stream, slots, slotBytes);
            attempts.add(attempt);
        }
        long limitMillis = timeout.multipliedBy(2).plus(GRACE).toMillis();
        try {
            CompletableFuture.allOf(attempts.stream().map(each -> each.end).toArray(CompletableFuture<?>[]::new))
                    .get(limitMillis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CollectiveException(
                    Code.INTERRUPTED, "rank " + self.rank() + " was interrupted while it connected others", e);
        } catch (ExecutionException | TimeoutException e) {
            throw failed(attempts);
        }
        return attempts.stream().map(each -> each.end.join()).toList();
    }

    @Override
    public CompletableFuture<String> callOf(int rank, long sequence) {
        Peer peer = connected.get(rank);
        if (peer == null) {
            return CompletableFuture.completedFuture("");
        }
        Membership asked = new Membership(self.communicator(), self.epoch(), rank, self.size());
        return peer.ask(RankEnds.NAME, RankFrame.encode(new RankFrame.Called(asked, sequence)), CALL_LIMIT)
                .thenApply(answer -> StandardCharsets.UTF_8.decode(answer).toString());
    }

    private CompletableFuture<LaneDialer.Far> reach(Attempt attempt, LaneStream stream, int slots, int slotBytes) {
        RankRecord record = attempt.record;
        Membership asked = new Membership(self.communicator(), self.epoch(), record.rank(), self.size());
        RankFrame.Open open = new RankFrame.Open(asked, self.rank(), stream, slots, slotBytes);
        return directory
                .peer(record.process().name())
                .thenCompose(peer -> {
                    attempt.peer = peer;
                    if (!record.isOf(peer.record())) {
                        return CompletableFuture.failedFuture(new TransferException(
                                TransferException.Code.PEER_LOST, "its process was started again since it joined"));
                    }
                    followed.follow(record.rank(), peer);
                    connected.put(record.rank(), peer);
                    attempt.state = "asking for its end of a lane";
                    return peer.ask(RankEnds.NAME, RankFrame.encode(open), timeout);
                })
                .thenApply(answer -> far(attempt, answer));
    }

    private static LaneDialer.Far far(Attempt attempt, ByteBuffer answer) {
        try {
            RegionDescriptor lane = RankFrame.decodeLane(answer);
            Peer peer = attempt.peer;
            if (peer == null) {
                throw new IllegalStateException("an answer of nobody");
            }
            attempt.state = "reached";
            return new LaneDialer.Far(peer, lane);
        } catch (TransferException e) {
            throw new CompletionException(e);
        }
    }

    private CollectiveException failed(List<Attempt> attempts) {
        List<UnreachedRanks.Row> rows = new ArrayList<>();
        Code code = Code.TIMED_OUT;
        for (Attempt attempt : attempts) {
            CompletableFuture<LaneDialer.Far> end = attempt.end;
            if (end.isDone() && !end.isCompletedExceptionally()) {
                continue;
            }
            Throwable cause = end.isDone() ? causeOf(end) : null;
            if (cause instanceof TransferException known) {
                code = Joining.codeOf(known);
            }
            Peer peer = attempt.peer;
            rows.add(new UnreachedRanks.Row(
                    attempt.record,
                    attempt.state,
                    Duration.ofNanos(System.nanoTime() - attempt.startNanos),
                    peer == null ? List.of() : peer.paths(),
                    unmapped.getOrDefault(attempt.record.rank(), ""),
                    cause == null ? "no answer" : String.valueOf(cause.getMessage())));
        }
        return new CollectiveException(code, UnreachedRanks.table(attempts.size(), timeout, rows));
    }

    private static Throwable causeOf(CompletableFuture<?> failed) {
        try {
            Object unused = failed.join();
            return new IllegalStateException("not failed");
        } catch (CompletionException e) {
            return e.getCause() == null ? e : e.getCause();
        }
    }
}
