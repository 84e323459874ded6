// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.OrderedCommunicator;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Subgroups;
import io.sparkmooncake.collectives.hierarchy.Groups;
import io.sparkmooncake.collectives.link.LaneMemory;
import io.sparkmooncake.collectives.shm.RankSegment;
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
import java.util.Arrays;
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
 * One rank's way into a communicator: claim its record, wait for all records, map the segments of its host and say so, and meet over
 * the fabric that fits who maps whom. Whatever fails leaves neither record nor memory behind.
 *
 * <p>Threading: the rank's own thread.
 */
final class Joining implements AutoCloseable {
    /** What a step of the engine may take beyond its own deadline before it counts as stuck. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private static final long FIRST_RETRY_NANOS = 50_000_000;

    private final Rendezvous rendezvous;
    private final Subgroups subgroups;
    private final Membership self;
    private final PeerRecord process;
    private final Duration timeout;
    private final String prefix;
    private final TreeMap<Integer, RankSegment> segments = new TreeMap<>();
    private final Map<Integer, String> unmapped = new HashMap<>();
    private final LaneMemory lanes;
    private final RankEnds.End end;
    private final FabricChoice choice;
    private @Nullable Fabric fabric;
    private boolean joined;

    Joining(Rendezvous rendezvous, Membership self, Subgroups subgroups) {
        this.rendezvous = rendezvous;
        this.subgroups = subgroups;
        this.self = self;
        this.process = rendezvous.engine().self();
        this.timeout = rendezvous.engine().settings().connectTimeout();
        this.prefix = RankBoard.prefix(self);
        this.lanes =
                new LaneMemory(self, rendezvous.engine(), rendezvous.engine().agent());
        this.end = rendezvous.ends().add(self, lanes);
        this.choice = new FabricChoice(rendezvous, self, lanes, end);
    }

    OrderedCommunicator join() throws CollectiveException {
        Path directory = Path.of(rendezvous.engine().settings().memory().dir());
        RankSegment own =
                RankSegment.create(directory, self, rendezvous.options().windowBytes());
        segments.put(self.rank(), own);
        rendezvous.offer(own.borrowRegion());
        Gathered all = gather(own);
        Groups groups = Grouping.of(all.records(), all.maps());
        keepMates(groups.members(groups.of(self.rank())));
        if (segments.size() != groups.members(groups.of(self.rank())).length) {
            throw failed(Code.REFUSED, "segments of this process are not mapped: " + unmapped, null);
        }
        FabricChoice.Meeting meeting = choice.of(all.records(), groups, List.copyOf(segments.values()), unmapped);
        fabric = meeting.fabric();
        meeting.meet(timeout);
        joined = true;
        return new OrderedCommunicator(fabric, subgroups, () -> leave(own));
    }

    private record Gathered(List<RankRecord> records, RankMaps maps) {}

    private Gathered gather(RankSegment own) throws CollectiveException {
        RankRecord record = new RankRecord(
                self.rank(),
                self.size(),
                rendezvous.options().windowBytes(),
                new RankRecord.Home(
                        process.name(), process.epoch(), process.host() + ":" + process.port(), rendezvous.mark()),
                own.borrowRegion().descriptor());
        RankBoard board = new RankBoard(self, record);
        Watch watch = rendezvous.store().watch(prefix, board::changed);
        try {
            long looksBefore = watch.looks().count();
            claim(RankBoard.RECORD, Blob.of(record.encode()));
            watch.pace(Watch.Pace.SOON);
            List<RankRecord> records =
                    await(board.complete(), timeout, () -> absent(board, watch.looks(), looksBefore));
            int[] mapped = mapHost(record, records);
            if (records.stream().anyMatch(other -> isMate(record, other))) {
                claim(RankBoard.MAPS, RankMaps.encode(mapped));
                watch.pace(Watch.Pace.SOON);
            }
            return new Gathered(
                    records,
                    await(board.mapped(), timeout.multipliedBy(2), () -> absent(board, watch.looks(), looksBefore)));
        } finally {
            watch.close();
        }
    }

    private static boolean isMate(RankRecord own, RankRecord other) {
        return !own.process().isSameProcess(other.process()) && own.process().mayMap(other.process());
    }

    /** Publishes something of this rank; a store that does not answer is asked again until the deadline. */
    private void claim(String what, Blob value) throws CollectiveException {
        Owner owner = new Owner(process.name(), process.epoch(), process.host() + ":" + process.port());
        long startNanos = System.nanoTime();
        long pauseNanos = FIRST_RETRY_NANOS;
        while (true) {
            try {
                await(
                        rendezvous.store().claim(prefix + self.rank() + what, value, owner),
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

    /** Maps the segments of this process and of those that may share this host; returns the ranks of the latter that it maps. */
    private int[] mapHost(RankRecord own, List<RankRecord> records) throws CollectiveException {
        List<RankRecord> mates =
                records.stream().filter(other -> isMate(own, other)).toList();
        Map<String, Peer> peers = connect(mates);
        for (RankRecord record : records) {
            if (record.rank() != self.rank() && own.process().mayMap(record.process())) {
                map(record, peers.get(record.process().name()));
            }
        }
        return mates.stream()
                .mapToInt(RankRecord::rank)
                .filter(segments::containsKey)
                .toArray();
    }

    private Map<String, Peer> connect(List<RankRecord> mates) throws CollectiveException {
        List<String> names =
                mates.stream().map(record -> record.process().name()).distinct().toList();
        if (names.isEmpty()) {
            return Map.of();
        }
        // Records first, then connections: the directory gives each the connect timeout.
        List<Peer> connected = await(
                rendezvous.directory().peers(names),
                timeout.multipliedBy(2).plus(GRACE),
                () -> failed(Code.TIMED_OUT, "the processes of the other ranks were not connected", null));
        Map<String, Peer> peers = new HashMap<>();
        connected.forEach(peer -> peers.put(peer.record().name(), peer));
        mates.forEach(record ->
                choice.follow(record.rank(), peers.get(record.process().name())));
        return peers;
    }

    private void map(RankRecord record, @Nullable Peer peer) {
        Membership expected = new Membership(self.communicator(), self.epoch(), record.rank(), self.size());
        try {
            HostRegion mapped = peer == null
                    ? rendezvous
                            .local(record.segment().id())
                            .orElseThrow(() -> new IOException("it left this process already"))
                    : mapOf(peer, record).orElseThrow(() -> new IOException("no path maps it: " + peer.paths()));
            segments.put(
                    record.rank(),
                    RankSegment.mapped(mapped, expected, rendezvous.options().windowBytes()));
        } catch (IOException e) {
            unmapped.put(record.rank(), String.valueOf(e.getMessage()));
        }
    }

    private static Optional<HostRegion> mapOf(Peer peer, RankRecord record) throws IOException {
        if (!record.isOf(peer.record())) {
            throw new IOException("process " + record.process().name() + " was started again since it joined");
        }
        return peer.map(record.segment());
    }

    /** Unmaps what others do not map likewise. */
    private void keepMates(int... mates) {
        List<Integer> kept = Arrays.stream(mates).boxed().toList();
        List<Integer> mapped = List.copyOf(segments.keySet());
        for (int rank : mapped) {
            if (!kept.contains(rank)) {
                RankSegment segment = segments.remove(rank);
                if (segment != null) {
                    segment.close();
                }
            }
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
            Code code = cause instanceof TransferException known ? codeOf(known) : Code.REFUSED;
            throw failed(code, String.valueOf(cause.getMessage()), cause);
        }
    }

    static Code codeOf(TransferException cause) {
        return switch (cause.code()) {
            case PEER_LOST, PEER_GONE -> Code.RANK_LOST;
            case TIMED_OUT -> Code.TIMED_OUT;
            case CLOSED, CANCELLED -> Code.CLOSED;
            case UNREACHABLE -> Code.UNREACHABLE;
            case REFUSED, PROTOCOL -> Code.REFUSED;
        };
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
        rendezvous.ends().remove(end);
        lanes.close();
        choice.forget();
        // Nobody waits for it: the record also goes with its process.
        var unused = rendezvous.store().deletePrefix(prefix + self.rank() + "/");
    }

    /** Gives back what a join that failed had taken. */
    @Override
    public void close() {
        if (joined) {
            return;
        }
        RankSegment own = segments.get(self.rank());
        if (own == null) {
            rendezvous.ends().remove(end);
            return;
        }
        leave(own);
        if (fabric != null) {
            fabric.close();
            return;
        }
        segments.forEach((rank, segment) -> {
            if (rank == self.rank()) {
                segment.leave();
            }
            segment.close();
        });
        lanes.close();
    }
}
