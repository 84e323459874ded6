// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.OrderedCommunicator;
import io.sparkmooncake.collectives.fabric.DeviceRanks;
import io.sparkmooncake.collectives.fabric.DeviceSeat;
import io.sparkmooncake.collectives.fabric.Subgroups;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.store.Store;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Where the ranks of a process join communicators. One per process; closes nothing that it was given.
 *
 * <p>Threading: safe from any thread; each rank joins on a thread of its own.
 */
public final class Rendezvous {
    private final LocalEngine engine;
    private final PeerDirectory directory;
    private final Store store;
    private final Options options;
    private final String mark;
    private final DeviceRanks devices;
    private final RankEnds ends = new RankEnds();

    /** Segments of the ranks of this process by region id: they share one mapping, however many ranks there are. */
    private final Map<Long, HostRegion> local = new ConcurrentHashMap<>();

    /**
     * How communicators run. The same on all ranks of a communicator.
     *
     * @param timeout how long one wait of an operation lasts before the silent rank counts as lost
     * @param windowBytes size of each of a rank's two windows
     */
    public record Options(Duration timeout, int windowBytes) {
        /** Least bytes that a window has for each rank. */
        public static final int MIN_BYTES_PER_RANK = 64;

        /** Largest window. */
        public static final int MAX_WINDOW_BYTES = 256 << 20;

        /** A minute of silence, and windows that two ranks keep in the second-level cache. */
        public static final Options DEFAULT = new Options(Duration.ofSeconds(60), 256 << 10);

        /** Checks the ranges. */
        public Options {
            if (timeout.isNegative() || timeout.isZero()) {
                throw new IllegalArgumentException("timeout=" + timeout + " must be positive");
            }
            if (windowBytes < MIN_BYTES_PER_RANK
                    || windowBytes > MAX_WINDOW_BYTES
                    || windowBytes % MIN_BYTES_PER_RANK != 0) {
                throw new IllegalArgumentException("windowBytes=" + windowBytes + " is no multiple of "
                        + MIN_BYTES_PER_RANK + " up to limit=" + MAX_WINDOW_BYTES);
            }
        }
    }

    /**
     * Creates the rendezvous of a process.
     *
     * @param engine of the process
     * @param directory that has published it
     * @param store of the application, the same on all ranks
     */
    public Rendezvous(LocalEngine engine, PeerDirectory directory, Store store, Options options) {
        this(
                engine,
                directory,
                store,
                options,
                addresses -> DeviceSeat.none("this process gives its ranks no devices"));
    }

    /**
     * As the other one, in a process whose ranks may have devices.
     *
     * @param devices asked for each rank that was assigned one
     */
    public Rendezvous(LocalEngine engine, PeerDirectory directory, Store store, Options options, DeviceRanks devices) {
        this(engine, directory, store, options, HostMark.of(engine.settings()), devices);
    }

    /** As the first one, on a host of this mark. */
    Rendezvous(LocalEngine engine, PeerDirectory directory, Store store, Options options, String mark) {
        this(engine, directory, store, options, mark, addresses -> DeviceSeat.none("no devices"));
    }

    Rendezvous(
            LocalEngine engine,
            PeerDirectory directory,
            Store store,
            Options options,
            String mark,
            DeviceRanks devices) {
        this.devices = devices;
        this.engine = engine;
        this.directory = directory;
        this.store = store;
        this.options = options;
        this.mark = mark;
        engine.serve(RankEnds.NAME, ends);
    }

    /**
     * Joins a communicator, and returns once all its ranks have met. Blocks: for the store, for the records of the others, for connecting
     * their processes and for their arrival {@code spark.mooncake.connect.timeout} each.
     *
     * @return the caller's, who closes it
     * @throws CollectiveException with one row per rank that is missing; at once when one is known to be lost
     */
    public Communicator join(Membership self) throws CollectiveException {
        return join(self, this::join);
    }

    /**
     * As {@link #join(Membership)}, for a caller that wants to know what is made from the communicator.
     *
     * @param subgroups joins what the communicator is split into; in the end with this method
     */
    public Communicator join(Membership self, Subgroups subgroups) throws CollectiveException {
        return joinHost(self, subgroups);
    }

    /**
     * As the other one, for a rank that was assigned devices. Where every rank has one and they reach each other's memory, operations of
     * the communicator take memory of devices and of the host; otherwise of the host, and
     * {@link Communicator#deviceMemory} says why.
     *
     * @param addresses of the devices; empty for none, then on all ranks
     */
    public Communicator join(Membership self, Subgroups subgroups, List<String> addresses) throws CollectiveException {
        OrderedCommunicator host = joinHost(self, subgroups);
        return addresses.isEmpty() ? host : new DeviceJoining(this, subgroups, host, devices.seat(addresses)).join();
    }

    /** Joins on the host's memory. */
    OrderedCommunicator joinHost(Membership self, Subgroups subgroups) throws CollectiveException {
        int least = Options.MIN_BYTES_PER_RANK * self.size();
        if (options.windowBytes() < least) {
            throw new IllegalArgumentException("windowBytes=" + options.windowBytes() + " is too small for size="
                    + self.size() + " ranks: make it at least " + least);
        }
        try (Joining joining = new Joining(this, self, subgroups)) {
            return joining.join();
        }
    }

    /** Offers a segment of this process to its other ranks. */
    void offer(HostRegion segment) {
        local.put(segment.id(), segment);
    }

    void withdraw(HostRegion segment) {
        local.remove(segment.id(), segment);
    }

    /** Returns a segment of this process, counted once for the caller; empty when its rank has left. */
    Optional<HostRegion> local(long id) {
        return Optional.ofNullable(local.get(id)).filter(HostRegion::tryRetain);
    }

    /** Returns the mark of this host; see {@link HostMark}. */
    String mark() {
        return mark;
    }

    RankEnds ends() {
        return ends;
    }

    LocalEngine engine() {
        return engine;
    }

    PeerDirectory directory() {
        return directory;
    }

    Store store() {
        return store;
    }

    Options options() {
        return options;
    }
}
