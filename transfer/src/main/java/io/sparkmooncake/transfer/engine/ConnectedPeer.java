// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.Link;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The end of a connection that callers hold.
 *
 * <p>Threading: safe from any thread. The table of paths is replaced as a whole, by the engine's agent only.
 */
final class ConnectedPeer implements Peer {
    private final PeerRecord record;
    private final long maxBytesInFlight;
    private final AtomicLong bytesInFlight = new AtomicLong();
    private final CompletableFuture<String> lost = new CompletableFuture<>();
    private volatile List<Path> paths;
    private volatile Code lostCode = Code.PEER_LOST;

    /** Not done while the channel is dialled again. */
    private volatile CompletableFuture<ControlChannel> control;

    ConnectedPeer(PeerRecord record, ControlChannel control, List<Path> paths, long maxBytesInFlight) {
        this.record = record;
        this.control = CompletableFuture.completedFuture(control);
        this.paths = List.copyOf(paths);
        this.maxBytesInFlight = maxBytesInFlight;
    }

    @Override
    public PeerRecord record() {
        return record;
    }

    @Override
    public Submission submit(TransferBatch batch) {
        if (lost.isDone()) {
            batch.begin();
            batch.failUnfinished(lostFailure());
            return Submission.ACCEPTED;
        }
        long bytes = batch.totalBytes();
        if (!reserve(bytes)) {
            return Submission.BUSY;
        }
        Path path = choose(batch);
        Link link = path == null ? null : path.link();
        try {
            batch.begin(() -> {
                bytesInFlight.addAndGet(-bytes);
                if (path != null) {
                    path.counters().batchEnded(batch);
                }
            });
        } catch (RuntimeException e) {
            bytesInFlight.addAndGet(-bytes); // nothing was begun
            throw e;
        }
        if (link == null) {
            batch.failUnfinished(noPath(batch));
            return Submission.ACCEPTED;
        }
        try {
            link.submit(batch);
        } catch (RuntimeException | Error e) {
            batch.failUnfinished(new TransferException(
                    Code.UNREACHABLE, record.describe() + " over " + name(path) + ": " + e + ". This is a defect", e));
        }
        return Submission.ACCEPTED;
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) throws TransferException {
        if (lost.isDone()) {
            throw lostFailure();
        }
        for (Path path : paths) {
            Link link = path.link();
            Optional<HostRegion> mapped = link == null ? Optional.empty() : link.map(region);
            if (mapped.isPresent()) {
                path.counters().regionMapped();
                return mapped;
            }
        }
        return Optional.empty();
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
        if (lost.isDone()) {
            return CompletableFuture.failedFuture(lostFailure());
        }
        CompletableFuture<ControlChannel> channel = control;
        return channel.isDone() && !channel.isCompletedExceptionally()
                ? channel.join().ask(service, request, timeout)
                : askLater(channel, service, request, timeout);
    }

    /** Asks once the control channel was dialled again, within the same time. */
    private CompletableFuture<ByteBuffer> askLater(
            CompletableFuture<ControlChannel> channel, String service, ByteBuffer request, Duration timeout) {
        ByteBuffer kept = ByteBuffer.allocate(request.remaining());
        kept.put(request.duplicate()).flip();
        long startNanos = System.nanoTime();
        CompletableFuture<ByteBuffer> answered = new CompletableFuture<>();
        var unused = channel.whenComplete((opened, broken) -> {
            if (answered.isDone()) {
                return; // too late: the asker has its answer
            }
            if (opened == null) {
                answered.completeExceptionally(lostFailure());
                return;
            }
            Duration left = timeout.minusNanos(System.nanoTime() - startNanos).plusMillis(1);
            var unusedAnswer = opened.ask(service, kept, left).whenComplete((answer, failure) -> {
                if (failure == null) {
                    answered.complete(answer);
                } else {
                    answered.completeExceptionally(failure);
                }
            });
        });
        CompletableFuture<Void> timer = new CompletableFuture<>();
        var unusedTimer = timer.completeOnTimeout(null, timeout.toNanos(), TimeUnit.NANOSECONDS)
                .thenRun(() -> answered.completeExceptionally(notAsked(service, timeout)));
        var unusedEnd = answered.whenComplete((answer, failure) -> timer.cancel(false));
        return answered;
    }

    private TransferException notAsked(String service, Duration timeout) {
        return new TransferException(
                Code.TIMED_OUT,
                record.describe() + " did not answer service=" + service + " within " + timeout.toMillis()
                        + " ms: its control channel broke and was dialled again. Check the network between the hosts, or raise"
                        + " spark.mooncake.transfer.timeout");
    }

    @Override
    public CompletableFuture<String> lost() {
        return lost.copy();
    }

    @Override
    public boolean isLost() {
        return lost.isDone();
    }

    @Override
    public List<PathReport> paths() {
        return paths.stream().map(Path::report).toList();
    }

    /**
     * Agent: ends the connection; everything under way fails.
     *
     * @param code of what is asked for from now on: PEER_LOST or PEER_GONE
     */
    void lose(Code code, String reason) {
        lostCode = lost.isDone() ? lostCode : code;
        if (lost.complete(reason)) {
            for (Path path : paths) {
                if (path.link() != null) {
                    path.link().close();
                }
            }
            if (!control.completeExceptionally(lostFailure())) {
                var unused = control.thenAccept(ControlChannel::close);
            }
        }
    }

    /** Agent: the control channel broke and is dialled again; asks wait for it. */
    void controlBroke() {
        control = new CompletableFuture<>();
    }

    /** Agent: the control channel answers again. */
    void controlIs(ControlChannel channel) {
        control.complete(channel);
    }

    /** Returns whether a path is left that breaks when the peer's process ends. */
    boolean noticesEnd() {
        return paths.stream()
                .anyMatch(path -> path.link() != null && path.link().noticesEnd());
    }

    /**
     * Agent: a link broke; its path is not offered any more.
     *
     * @return whether another path is left
     */
    boolean linkLost(Link broken, String reason) {
        paths = paths.stream()
                .map(path -> path.link() == broken ? path.refused("was offered until it broke: " + reason) : path)
                .toList();
        broken.close();
        return paths.stream().anyMatch(path -> path.link() != null);
    }

    private boolean reserve(long bytes) {
        while (true) {
            long current = bytesInFlight.get();
            if (current > 0 && current + bytes > maxBytesInFlight) {
                return false;
            }
            if (bytesInFlight.compareAndSet(current, current + bytes)) {
                return true;
            }
        }
    }

    private @Nullable Path choose(TransferBatch batch) {
        for (Path path : paths) {
            if (path.link() != null && reachesAll(path.link(), batch)) {
                return path;
            }
        }
        return null;
    }

    private static boolean reachesAll(Link link, TransferBatch batch) {
        Location local = null;
        RegionDescriptor remote = null;
        for (int i = 0; i < batch.count(); i++) {
            if (!batch.remote(i).equals(remote) || !batch.local(i).location().equals(local)) {
                local = batch.local(i).location();
                remote = batch.remote(i);
                if (!link.reaches(local, remote)) {
                    return false;
                }
            }
        }
        return true;
    }

    private TransferException noPath(TransferBatch batch) {
        String memories = batch.count() == 0
                ? "no memory"
                : "location=" + batch.local(0).location() + " here and location="
                        + batch.remote(0).location() + " there";
        String table = paths().stream()
                .map(path -> path.path() + (path.offered() ? ": does not reach this memory" : ": " + path.reason()))
                .collect(Collectors.joining("; "));
        return new TransferException(
                Code.UNREACHABLE,
                "no path to " + record.describe() + " for every memory of a batch of " + batch.count()
                        + " requests with " + memories + ": " + table
                        + ". Allow a path that reaches both in spark.mooncake.transfer.paths");
    }

    private TransferException lostFailure() {
        return new TransferException(lostCode, record.describe() + " is lost: " + lost.getNow("?"));
    }

    private static String name(@Nullable Path path) {
        return path == null ? "no path" : path.report().path();
    }
}
