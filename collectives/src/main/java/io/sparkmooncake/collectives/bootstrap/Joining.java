// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.OrderedCommunicator;
import io.sparkmooncake.collectives.algorithm.SharedMemoryFabric;
import io.sparkmooncake.collectives.shm.RankSegment;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Owner;
import io.sparkmooncake.transfer.store.Watch;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One rank's way into a communicator: claim its record, wait for all records, map all segments, meet. Whatever fails leaves
 * neither record nor mapping behind.
 *
 * <p>Threading: the rank's own thread.
 */
final class Joining implements AutoCloseable {
    /** What a step of the engine may take beyond its own deadline before it counts as stuck. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private static final long FIRST_RETRY_NANOS = 50_000_000;

    private final Rendezvous rendezvous;
    private final Membership self;
    private final PeerRecord process;
    private final Duration timeout;
    private final String prefix;
    private final TreeMap<Integer, RankSegment> segments = new TreeMap<>();
    private final List<CompletableFuture<String>> losses = new ArrayList<>();
    private boolean joined;

    Joining(Rendezvous rendezvous, Membership self) {
        this.rendezvous = rendezvous;
        this.self = self;
        this.process = rendezvous.engine().self();
        this.timeout = rendezvous.engine().settings().connectTimeout();
        this.prefix = "collectives/" + self.communicator() + "/" + self.epoch() + "/";
    }

    Communicator join() throws CollectiveException {
        int windowBytes = rendezvous.options().windowBytes();
        Path directory = Path.of(rendezvous.engine().settings().memory().dir());
        RankSegment own = RankSegment.create(directory, self, windowBytes);
        segments.put(self.rank(), own);
        rendezvous.offer(own.borrowRegion());
        List<RankRecord> records = gather(own);
        Map<String, Peer> peers = connect(records);
        for (RankRecord record : records) {
            if (record.rank() != self.rank()) {
                segments.put(record.rank(), map(record, peers.get(record.process())));
            }
        }
        StepExchange exchange = new StepExchange(
                self,
                List.copyOf(segments.values()),
                records.stream().map(RankRecord::address).toList(),
                rendezvous.options().timeout());
        records.forEach(record -> follow(record, peers.get(record.process()), exchange));
        exchange.meet(timeout);
        joined = true;
        return new OrderedCommunicator(
                new SharedMemoryFabric(exchange, windowBytes), rendezvous::join, () -> leave(own));
    }

    private List<RankRecord> gather(RankSegment own) throws CollectiveException {
        RankRecord record = new RankRecord(
                self.rank(),
                self.size(),
                rendezvous.options().windowBytes(),
                process.name(),
                process.epoch(),
                process.host() + ":" + process.port(),
                own.borrowRegion().descriptor());
        RankBoard board = new RankBoard(self, record);
        Watch watch = rendezvous.store().watch(prefix, board::changed);
        try {
            long looksBefore = watch.looks().count();
            claim(record);
            watch.pace(Watch.Pace.SOON);
            return await(board.complete(), timeout, () -> absent(board, watch.looks(), looksBefore));
        } finally {
            watch.close();
        }
    }

    /** Publishes the record; a store that does not answer is asked again until the deadline. */
    private void claim(RankRecord record) throws CollectiveException {
        Owner owner = new Owner(process.name(), process.epoch(), record.address());
        long startNanos = System.nanoTime();
        long pauseNanos = FIRST_RETRY_NANOS;
        while (true) {
            try {
                await(
                        rendezvous.store().claim(prefix + self.rank(), Blob.of(record.encode()), owner),
                        timeout,
                        () -> failed(Code.TIMED_OUT, "the store did not take this rank's record", null));
                return;
            } catch (CollectiveException e) {
                boolean silent = e.getCause() instanceof TransferException cause
                        && (cause.code() == TransferException.Code.UNREACHABLE
                                || cause.code() == TransferException.Code.TIMED_OUT);
                if (!silent || System.nanoTime() - startNanos + pauseNanos >= timeout.toNanos()) {
                    throw e;
                }
            }
            LockSupport.parkNanos(this, pauseNanos);
            pauseNanos *= 2;
        }
    }

    private CollectiveException absent(RankBoard board, Watch.Looks looks, long looksBefore) {
        Watch.Looks own = new Watch.Looks(looks.count() - looksBefore, looks.lastError());
        return failed(Code.TIMED_OUT, AbsentRanks.table(self, board.missing(), timeout, own), null);
    }

    /** Connects the processes of all ranks but this one's. */
    private Map<String, Peer> connect(List<RankRecord> records) throws CollectiveException {
        List<String> names = records.stream()
                .filter(record -> !record.isOf(process))
                .map(RankRecord::process)
                .distinct()
                .toList();
        if (names.isEmpty()) {
            return Map.of();
        }
        // Records first, then connections: the directory gives each the connect timeout.
        List<Peer> connected = await(
                rendezvous.directory().peers(names),
                timeout.multipliedBy(2).plus(GRACE),
                () -> failed(Code.TIMED_OUT, "the processes of the other ranks were not connected", null));
        Map<String, Peer> peers = new HashMap<>();
        for (Peer peer : connected) {
            peers.put(peer.record().name(), peer);
        }
        return peers;
    }

    private RankSegment map(RankRecord record, @Nullable Peer peer) throws CollectiveException {
        Membership expected = new Membership(self.communicator(), self.epoch(), record.rank(), self.size());
        try {
            HostRegion mapped = peer == null
                    ? rendezvous
                            .local(record.segment().id())
                            .orElseThrow(() -> new IOException("it left this process already"))
                    : mapOf(peer, record).orElseThrow(() -> new IOException("no path maps it: " + peer.paths()));
            return RankSegment.mapped(mapped, expected, rendezvous.options().windowBytes());
        } catch (IOException e) {
            throw failed(
                    Code.REFUSED,
                    record.describe() + " shares no memory with rank " + self.rank() + " ("
                            + process.host() + ":" + process.port() + "): " + e.getMessage()
                            + ". This build has collectives among ranks of one host that share memory only",
                    e);
        }
    }

    private static Optional<HostRegion> mapOf(Peer peer, RankRecord record) throws IOException {
        if (!record.isOf(peer.record())) {
            throw new IOException("process " + record.process() + " was started again since it joined");
        }
        return peer.map(record.segment());
    }

    private void follow(RankRecord record, @Nullable Peer peer, StepExchange exchange) {
        if (peer != null) {
            CompletableFuture<String> lost = peer.lost();
            losses.add(lost);
            var unused = lost.thenAccept(reason -> exchange.peerLost(record.rank(), reason));
        }
    }

    private <T> T await(CompletableFuture<T> step, Duration limit, Supplier<CollectiveException> late)
            throws CollectiveException {
        try {
            return step.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(Code.INTERRUPTED, "rank " + self.rank() + " was interrupted while joining", e);
        } catch (TimeoutException e) {
            throw late.get();
        } catch (ExecutionException e) {
            Throwable caught = e.getCause();
            if (caught instanceof CollectiveException known) {
                throw known;
            }
            Throwable cause = caught == null ? e : caught;
            throw failed(codeOf(cause), String.valueOf(cause.getMessage()), cause);
        }
    }

    private static Code codeOf(Throwable cause) {
        if (cause instanceof TransferException known) {
            return switch (known.code()) {
                case PEER_LOST -> Code.RANK_LOST;
                case TIMED_OUT -> Code.TIMED_OUT;
                case CLOSED, CANCELLED -> Code.CLOSED;
                case UNREACHABLE -> Code.UNREACHABLE;
                case REFUSED, PROTOCOL -> Code.REFUSED;
            };
        }
        return Code.REFUSED;
    }

    private CollectiveException failed(Code code, String reason, @Nullable Throwable cause) {
        return new CollectiveException(
                code,
                "communicator=" + self.communicator() + " epoch=" + self.epoch() + " rank=" + self.rank() + ": "
                        + reason,
                cause);
    }

    private void leave(RankSegment own) {
        rendezvous.withdraw(own.borrowRegion());
        losses.forEach(lost -> lost.cancel(false));
        // Nobody waits for it: the record also goes with its process.
        var unused = rendezvous.store().delete(prefix + self.rank());
    }

    /** Gives back what a join that failed had taken. */
    @Override
    public void close() {
        RankSegment own = segments.get(self.rank());
        if (!joined && own != null) {
            leave(own);
            segments.forEach((rank, segment) -> {
                if (rank == self.rank()) {
                    segment.leave();
                }
                segment.close();
            });
        }
    }
}
