// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.TransferException;
import java.util.concurrent.atomic.LongAdder;

/**
 * The store's host, in the memory of one process. Bounded in bytes, versioned by one counter.
 *
 * <p>Threading: safe from any thread. No call waits for anything but the short critical section of another call: whoever
 * waits for a key does so at the client.
 */
public final class HostedStore {
    /** Fastest look-ups of one client. */
    static final int MIN_PACE_MILLIS = 8;

    /** Slowest look-ups that the host asks for. */
    static final int MAX_PACE_MILLIS = 1_024;

    private final Object lock = new Object();
    private final LongAdder requests = new LongAdder();

    @GuardedBy("lock")
    private final StoreTable table;

    /**
     * Creates an empty store.
     *
     * @param limitBytes bytes that keys and values may take, with 128 bytes for each key; tombstones take an eighth at most
     */
    public HostedStore(long limitBytes) {
        this.table = new StoreTable(limitBytes);
    }

    /**
     * Answers one request of a {@link RemoteStore}. Never waits, never throws: what is wrong with a request is in the reply.
     */
    public byte[] answer(byte[] request) {
        requests.increment();
        StoreReply.Paced reply;
        try {
            StoreRequest decoded = StoreFrame.decodeRequest(request);
            synchronized (lock) {
                reply = new StoreReply.Paced(paceMillis(), reply(decoded));
            }
        } catch (TransferException e) {
            reply = new StoreReply.Paced(MIN_PACE_MILLIS, refused(e));
        }
        return StoreFrame.encode(reply);
    }

    /**
     * Tells that one life of a process is gone: all that it holds is removed at once, watchers see it, and its claims are
     * refused from now on.
     *
     * @return the number of keys removed
     */
    public long ownerLost(String name, long epoch, String reason) {
        synchronized (lock) {
            return table.ownerGone(name, epoch, reason);
        }
    }

    /** As {@link #ownerLost(String, long, String)}, for whichever lives of that name hold keys now. */
    public long ownerLost(String name, String reason) {
        synchronized (lock) {
            return table.ownerGone(name, reason);
        }
    }

    /** Returns how full and how busy the store is. */
    public Figures figures() {
        synchronized (lock) {
            return table.figures(requests.sum());
        }
    }

    @GuardedBy("lock")
    private StoreReply reply(StoreRequest request) {
        try {
            return request.applyTo(table);
        } catch (TransferException e) {
            return refused(e);
        }
    }

    private static StoreReply refused(TransferException e) {
        return new StoreReply.Refused(e.code(), String.valueOf(e.getMessage()));
    }

    /** A millisecond per process that holds keys: 1,000 look-ups a second, however many processes wait. */
    @GuardedBy("lock")
    private int paceMillis() {
        return Math.min(MAX_PACE_MILLIS, Math.max(MIN_PACE_MILLIS, table.owners()));
    }

    /**
     * How full and how busy a store is.
     *
     * @param keys keys with a value
     * @param bytes bytes that they take
     * @param limitBytes bytes that they may take
     * @param tombstoneBytes bytes that removed keys take until watchers have seen them
     * @param version number of changes so far
     * @param requests number of requests so far
     */
    public record Figures(long keys, long bytes, long limitBytes, long tombstoneBytes, long version, long requests) {}
}
