// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.util.HashMap;
import java.util.Map;

/**
 * A rank's own ends of its lanes: registered regions of location {@code *}, made when the first of the two ranks asks. A region
 * belongs to one pair of ranks of one communicator and epoch and is never used again, so what an earlier life sends late meets a
 * region that is not registered any more.
 *
 * <p>Threading: safe from any thread.
 */
public final class LaneMemory implements AutoCloseable {
    static final int SLOTS = 8;
    private static final int MAX_SLOT_BYTES = 64 << 20;

    private final Membership self;
    private final TransferEngine engine;
    private final Agent agent;

    @GuardedBy("this")
    private final Map<Integer, Inbox> inboxes = new HashMap<>();

    @GuardedBy("this")
    private boolean closed;

    /** Creates the memory of a rank, empty. */
    public LaneMemory(Membership self, TransferEngine engine, Agent agent) {
        this.self = self;
        this.engine = engine;
        this.agent = agent;
    }

    Membership self() {
        return self;
    }

    Agent agent() {
        return agent;
    }

    /**
     * Returns what another rank writes its messages for this one to.
     *
     * @throws IllegalArgumentException when this rank has left, or the layout cannot be
     */
    public RegionDescriptor open(int rank, LaneStream stream, int slots, int slotBytes) {
        if (slots != SLOTS || slotBytes <= 0 || slotBytes > MAX_SLOT_BYTES || rank < 0 || rank >= self.size()) {
            throw new IllegalArgumentException("rank=" + rank + " slots=" + slots + " slotBytes=" + slotBytes
                    + " is no lane of size=" + self.size());
        }
        return inbox(rank, stream, new LaneLayout(slots, slotBytes)).region().descriptor();
    }

    synchronized Inbox inbox(int rank, LaneStream stream, LaneLayout layout) {
        if (closed) {
            throw new IllegalArgumentException("rank=" + self.rank() + " of communicator=" + self.communicator()
                    + " epoch=" + self.epoch() + " has left");
        }
        return inboxes.computeIfAbsent(2 * rank + stream.number(), key -> {
            HostRegion region = Regions.allocate(layout.sizeBytes());
            engine.register(region);
            return new Inbox(region, layout, self.epoch());
        });
    }

    /** Unregisters and frees every end; waits for transfers under way, which have their deadlines. Idempotent. */
    @Override
    public synchronized void close() {
        closed = true;
        for (Inbox inbox : inboxes.values()) {
            engine.unregister(inbox.region());
            inbox.region().release();
        }
        inboxes.clear();
    }
}
