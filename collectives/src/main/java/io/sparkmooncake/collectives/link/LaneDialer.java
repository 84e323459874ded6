// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Finds other ranks. Threading: called by the rank's thread, which {@link #dial} may block until its deadlines. */
public interface LaneDialer {
    /**
     * Connects the processes of other ranks and asks them for their ends of lanes from this one, which has the same layout.
     *
     * @return in the order of the ranks
     * @throws CollectiveException with one row per rank that is not reached
     */
    List<Far> dial(List<Integer> ranks, LaneStream stream, int slots, int slotBytes) throws CollectiveException;

    /** Asks a connected rank what it called under a number, without waiting; it answers with nothing when it does not know. */
    CompletableFuture<String> callOf(int rank, long sequence);

    /**
     * The other end of a lane.
     *
     * @param peer process of the other rank
     * @param lane its region for messages of this one
     */
    record Far(Peer peer, RegionDescriptor lane) {}
}
