// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import java.util.Arrays;

/** One reduce task's question to one executor. Immutable by agreement: it owns the array it is given. */
public final class LookupRequest {
    /** Name of the control service. */
    public static final String SERVICE = "shuffle.lookup";

    /** Name of the control service that ends leases; its request is any number of lease ids. */
    public static final String RELEASE_SERVICE = "shuffle.release";

    /** Name of the control service that renews leases; its request is any number of lease ids. */
    public static final String RENEW_SERVICE = "shuffle.renew";

    /** Pairs of map output and partition up to which a request is answered on the event loop where it arrives. */
    public static final int BRIEF_PAIRS = 1_024;

    private final int shuffleId;
    private final int startPartition;
    private final int endPartition;
    private final long[] mapIds;
    private final long leaseId;

    /**
     * Creates a request whose lease the owner numbers.
     *
     * @param shuffleId Spark's shuffle id
     * @param startPartition first partition
     * @param endPartition partition after the last
     * @param mapIds map outputs wanted, by Spark's map id; taken over
     */
    public LookupRequest(int shuffleId, int startPartition, int endPartition, long[] mapIds) {
        this(shuffleId, startPartition, endPartition, mapIds, 0);
    }

    private LookupRequest(int shuffleId, int startPartition, int endPartition, long[] mapIds, long leaseId) {
        this.shuffleId = shuffleId;
        this.startPartition = startPartition;
        this.endPartition = endPartition;
        this.mapIds = mapIds;
        this.leaseId = leaseId;
    }

    /** Returns this request with a lease that the asker numbers, so that it can release one that it never learns of. */
    public LookupRequest withLease(long id) {
        return new LookupRequest(shuffleId, startPartition, endPartition, mapIds, id);
    }

    /** Returns the number that the asker gives to the lease, unique among its leases; 0 if the owner numbers it. */
    public long leaseId() {
        return leaseId;
    }

    /** Returns Spark's shuffle id. */
    public int shuffleId() {
        return shuffleId;
    }

    /** Returns the first partition. */
    public int startPartition() {
        return startPartition;
    }

    /** Returns the partition after the last. */
    public int endPartition() {
        return endPartition;
    }

    /** Returns the map outputs wanted; not to be changed. */
    public long[] mapIds() {
        return mapIds;
    }

    /** Returns whether a table without anything beyond this request covers all of it. */
    public boolean isCoveredBy(BlockTable table) {
        return table.maps() == mapIds.length && table.endPartition() == endPartition;
    }

    /** Tells whether another request asks for the same map outputs of the same shuffle, in the same order. */
    public boolean wantsMapsOf(LookupRequest other) {
        return shuffleId == other.shuffleId && Arrays.equals(mapIds, other.mapIds);
    }
}
