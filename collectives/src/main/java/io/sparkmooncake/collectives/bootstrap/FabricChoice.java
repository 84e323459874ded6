// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.ScalarKernel;
import io.sparkmooncake.collectives.algorithm.SharedMemoryFabric;
import io.sparkmooncake.collectives.fabric.Court;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Verdict;
import io.sparkmooncake.collectives.hierarchy.Groups;
import io.sparkmooncake.collectives.hierarchy.HierarchicalFabric;
import io.sparkmooncake.collectives.link.LaneMemory;
import io.sparkmooncake.collectives.link.LinkFabric;
import io.sparkmooncake.collectives.link.Links;
import io.sparkmooncake.collectives.shm.RankSegment;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.transfer.Peer;
import java.time.Duration;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.ObjIntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Builds the fabric that fits who maps whom: shared memory where all do, links where nobody does, both otherwise. Follows the
 * processes of other ranks, so that their loss ends the waits of this one.
 *
 * <p>Threading: the rank's own thread; losses come on the agent's.
 */
final class FabricChoice {
    /** What the lanes of one rank may take together, in windows: 64 MiB by default. */
    private static final long LANES_WINDOWS = 256;

    /** How long a verdict stays in the store, for ranks that were frozen: so many times the timeout. */
    private static final int VERDICT_TIMEOUTS = 10;

    private static final int ENDS_PER_LANE = 2;
    private static final int SLOTS = 8;
    private static final long SLOT_WINDOWS = 4;
    private static final int MIN_SLOT_BYTES = 4 << 10;
    private static final int SLOT_ALIGNMENT = 64;

    private final Rendezvous rendezvous;
    private final Membership self;
    private final LaneMemory lanes;
    private final RankEnds.End end;
    private final StoreCourt court;
    private final Map<Integer, Peer> followed = new HashMap<>();
    private final List<CompletableFuture<String>> losses = new ArrayList<>();
    private @Nullable ObjIntConsumer<String> onLoss;

    /** How a fabric's ranks meet. */
    @FunctionalInterface
    interface Meet {
        void meet(Duration patience) throws CollectiveException;
    }

    /** A fabric whose ranks have not met yet. */
    record Meeting(Fabric fabric, Meet how) {
        void meet(Duration patience) throws CollectiveException {
            how.meet(patience);
        }
    }

    FabricChoice(Rendezvous rendezvous, Membership self, LaneMemory lanes, RankEnds.End end) {
        this.rendezvous = rendezvous;
        this.self = self;
        this.lanes = lanes;
        this.end = end;
        this.court = new StoreCourt(
                self,
                rendezvous.store(),
                rendezvous.engine().agent(),
                rendezvous.ends(),
                rendezvous.options().timeout().multipliedBy(VERDICT_TIMEOUTS));
    }

    /** Follows the process of another rank; what it is lost for is told to the fabric, once there is one. */
    synchronized void follow(int rank, @Nullable Peer peer) {
        if (peer != null && followed.put(rank, peer) == null) {
            court.follow(peer);
            CompletableFuture<String> lost = peer.lost();
            losses.add(lost);
            var unused = lost.thenAccept(reason -> lost(rank, reason));
        }
    }

    private synchronized void lost(int rank, String reason) {
        if (onLoss != null) {
            onLoss.accept(reason, rank);
        }
    }

    private synchronized void onLoss(ObjIntConsumer<String> action) {
        onLoss = action;
        followed.forEach((rank, peer) -> {
            String reason = peer.lost().getNow("");
            if (!reason.isEmpty()) {
                action.accept(reason, rank);
            }
        });
    }

    /** Follows nobody any more. */
    synchronized void forget() {
        onLoss = null;
        losses.forEach(lost -> lost.cancel(false));
    }

    /** Builds the fabric over the segments of this host's ranks, in their order, which it takes over. */
    Meeting of(List<RankRecord> records, Groups groups, List<RankSegment> segments, Map<Integer, String> unmapped) {
        List<String> names = names(records);
        Duration timeout = rendezvous.options().timeout();
        int windowBytes = rendezvous.options().windowBytes();
        if (groups.count() == 1) {
            StepExchange exchange = new StepExchange(self, segments, names, timeout);
            onLoss((reason, rank) -> exchange.peerLost(rank, reason));
            return new Meeting(new SharedMemoryFabric(exchange, windowBytes), exchange::meet);
        }
        Reaching reaching = new Reaching(
                self,
                records,
                rendezvous.directory(),
                rendezvous.engine().settings().connectTimeout(),
                this::follow);
        unmapped.forEach(reaching::unmapped);
        boolean hierarchy = groups.count() < groups.size();
        // Whoever waits for whom waits for somebody must not be the first to give up, or the wrong rank is named.
        Duration linkTimeout = hierarchy ? timeout.plus(timeout.dividedBy(8)) : timeout;
        Links links = new Links(lanes, reaching, court, slotBytes(groups.count()), linkTimeout);
        links.name(names);
        end.onCall(links::callOf);
        ReduceKernel kernel = new ScalarKernel();
        if (!hierarchy) {
            segments.forEach(RankSegment::close);
            onLoss((reason, rank) -> links.peerLost(rank, reason));
            end.onVerdict(verdict -> broken(links, null, verdict));
            LinkFabric fabric = new LinkFabric(links, kernel);
            return new Meeting(fabric, fabric::meet);
        }
        int group = groups.of(self.rank());
        int[] mates = groups.members(group);
        Membership local = new Membership(self.communicator(), self.epoch(), groups.place(self.rank()), mates.length);
        List<String> mateNames = Arrays.stream(mates).mapToObj(names::get).toList();
        Duration hostTimeout = local.rank() == 0 ? timeout : timeout.plus(timeout.dividedBy(4));
        StepExchange exchange = new StepExchange(local, segments, mateNames, hostTimeout, court);
        onLoss((reason, rank) -> {
            links.peerLost(rank, reason);
            if (groups.of(rank) == group) {
                exchange.peerLost(groups.place(rank), reason);
            }
        });
        end.onVerdict(verdict -> broken(links, exchange, verdict));
        HierarchicalFabric fabric = new HierarchicalFabric(
                self, groups, exchange, new SharedMemoryFabric(exchange, windowBytes), links, kernel);
        return new Meeting(fabric, fabric::meet);
    }

    /** Made when an error names a rank: a thousand ranks would make a million of them. */
    private static List<String> names(List<RankRecord> records) {
        return new AbstractList<>() {
            @Override
            public String get(int rank) {
                return records.get(rank).describe();
            }

            @Override
            public int size() {
                return records.size();
            }
        };
    }

    private void broken(Links links, @Nullable StepExchange exchange, Verdict verdict) {
        links.broken(verdict);
        if (exchange != null) {
            exchange.broken(verdict);
        }
        Court forward = court;
        forward.spread(verdict);
    }

    /** Returns the largest payload of a message: several windows, because each costs system calls; less where there are many lanes. */
    private int slotBytes(int hosts) {
        int windowBytes = rendezvous.options().windowBytes();
        long share = LANES_WINDOWS * windowBytes / (ENDS_PER_LANE * SLOTS * (long) hosts) & -SLOT_ALIGNMENT;
        return (int) Math.min(SLOT_WINDOWS * windowBytes, Math.max(MIN_SLOT_BYTES, share));
    }
}
