// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.spi.ControlPlane;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.spi.TransportSource;
import io.sparkmooncake.transfer.tcp.Identity;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process's engine: a control plane, transports in order of preference, and one connection per life of a peer.
 *
 * <p>A peer that was lost stays lost. Connecting again makes a new peer, unless the process is known to be gone
 * ({@link #peerLost}); a new epoch of the same name is another peer in any case.
 *
 * <p>Threading: see {@link TransferEngine}; connections belong to the {@linkplain #agent agent}. Futures complete there: what
 * hangs on them must not block.
 */
public final class LocalEngine implements TransferEngine {
    private static final Logger LOG = LoggerFactory.getLogger(LocalEngine.class);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    private final EngineParts parts;
    private final WarmUpService warmUp;
    private final Runnable ended;
    private final LostLives gone = new LostLives();
    private final Map<Life, Connection> connections = new HashMap<>();
    private final Map<Life, Peer> connected = new ConcurrentHashMap<>();
    private final Map<Long, MemoryRegion> registered = new ConcurrentHashMap<>();
    private final AtomicBoolean closing = new AtomicBoolean();

    private LocalEngine(EngineParts parts, Runnable ended) {
        this.parts = parts;
        this.ended = ended;
        this.warmUp = new WarmUpService(
                parts.self(),
                parts.slots(),
                parts.sequence(),
                parts.agent(),
                parts.settings().connectTimeout(),
                gone);
        parts.control().serve(WarmUpService.NAME, warmUp);
    }

    /**
     * Starts the engine of this process: its listener answers when this returns. A path whose transport cannot start here is
     * refused for every peer, with that reason; only the listener is indispensable.
     *
     * @param identity towards peers; its secret is that of the application
     * @param settings of the engine
     * @throws TransferException when no port could be bound or the listener does not answer under the identity's host
     */
    public static LocalEngine start(Identity identity, TransferSettings settings) throws TransferException {
        return EngineStart.start(identity, settings, Map.of());
    }

    /**
     * Starts the engine with paths of other modules.
     *
     * @param identity towards peers; its secret is that of the application
     * @param settings of the engine
     * @param sources of the paths that this module has not, by their names in the settings
     * @throws TransferException when no port could be bound or the listener does not answer under the identity's host
     */
    public static LocalEngine start(Identity identity, TransferSettings settings, Map<String, TransportSource> sources)
            throws TransferException {
        return EngineStart.start(identity, settings, sources);
    }

    /**
     * Puts an engine together; it owns everything it is given, and closes it.
     *
     * @param identity name and epoch to publish
     * @param host that peers dial
     * @param agent of the process
     * @param ways out of the process
     * @param memory makes the engine's own regions
     * @param settings of the engine
     */
    static LocalEngine assemble(
            Life identity, String host, Agent agent, Ways ways, RegionSource memory, TransferSettings settings) {
        Map<String, String> attributes = new TreeMap<>();
        ways.transports().forEach(transport -> attributes.putAll(transport.attributes()));
        PeerRecord self = new PeerRecord(
                identity.name(), identity.epoch(), host, ways.control().port(), attributes);
        WarmUpSlots slots =
                new WarmUpSlots(memory, region -> ways.transports().forEach(transport -> transport.register(region)));
        List<PathCounters> counters = ways.transports().stream()
                .map(transport -> new PathCounters(transport.name()))
                .toList();
        EngineParts parts = new EngineParts(
                self, agent, ways.control(), ways.transports(), counters, slots, new AtomicLong(), settings);
        return new LocalEngine(parts, ways.ended());
    }

    @Override
    public PeerRecord self() {
        return parts.self();
    }

    /** Returns the agent of this process: the single writer of connections, waits and the directory. */
    public Agent agent() {
        return parts.agent();
    }

    /** Returns the settings that the engine runs with. */
    public TransferSettings settings() {
        return parts.settings();
    }

    /** Returns what went over each configured path so far, in order of preference. */
    public List<PathTraffic> traffic() {
        return IntStream.range(0, parts.counters().size())
                .mapToObj(i -> parts.counters()
                        .get(i)
                        .snapshot(parts.transports().get(i).refusedRequests()))
                .toList();
    }

    @Override
    public void register(MemoryRegion region) {
        boolean host = region instanceof HostRegion;
        if (host != (region.location().kind() == Location.Kind.HOST)) {
            throw new IllegalArgumentException("region=" + region.id() + " is " + (host ? "host" : "device")
                    + " memory and says location=" + region.location()
                    + ": the location describes the memory, never the rank that uses it");
        }
        if (registered.putIfAbsent(region.id(), region) != null) {
            throw new IllegalStateException("region=" + region.id() + " is registered already");
        }
        region.retain();
        parts.transports().forEach(transport -> transport.register(region));
    }

    @Override
    public void unregister(MemoryRegion region) {
        if (!registered.remove(region.id(), region)) {
            throw new IllegalStateException("region=" + region.id() + " is not registered");
        }
        RuntimeException first = null;
        for (Transport transport : parts.transports()) {
            try {
                transport.unregister(region);
            } catch (RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        region.release();
        if (first != null) {
            throw first;
        }
    }

    @Override
    public void serve(String service, ControlService handler) {
        parts.control().serve(service, handler);
    }

    @Override
    public CompletableFuture<Peer> connect(PeerRecord peer) {
        return connected(peer)
                .map(CompletableFuture::completedFuture)
                .orElseGet(() -> Settled.one(
                        attempt(peer), parts.agent(), parts.settings().connectTimeout()));
    }

    /**
     * Connects to every peer, at once. The future yields them in the order of the records, or fails with the table of causes:
     * one row per peer that is not connected.
     */
    public CompletableFuture<List<Peer>> connectAll(Collection<PeerRecord> peers) {
        List<CompletableFuture<Settled<Peer>>> attempts =
                peers.stream().map(this::attempt).toList();
        return Settled.all(attempts, parts.agent(), parts.settings().connectTimeout());
    }

    @Override
    public void peerLost(String name, long epoch, String reason) {
        Life life = new Life(name, epoch);
        gone.add(life, reason);
        tell(() -> {
            parts.control().forget(name, epoch, reason); // first, so that what is under way fails with this reason
            Connection connection = connections.get(life);
            if (connection != null) {
                connection.lose(Code.PEER_GONE, reason);
            }
        });
    }

    /** Returns the connection to that very life of a peer, if there is one. */
    Optional<Peer> connected(PeerRecord peer) {
        return Optional.ofNullable(connected.get(Life.of(peer)));
    }

    /** Returns how many warm-ups of peers hold slots of this process. */
    int lentSlots() {
        return warmUp.lent();
    }

    /** Begins to connect, or joins the attempt or connection that exists. Completes within the connect deadline. */
    CompletableFuture<Settled<Peer>> attempt(PeerRecord peer) {
        CompletableFuture<Settled<Peer>> result = new CompletableFuture<>();
        if (!tell(() -> begin(peer, result))) {
            result.complete(missed(peer, Code.CLOSED, "this engine was closed"));
        }
        return result;
    }

    private void begin(PeerRecord peer, CompletableFuture<Settled<Peer>> result) {
        Life life = Life.of(peer);
        String reason = gone.reason(life);
        if (closing.get() || reason != null) {
            result.complete(
                    reason == null
                            ? missed(peer, Code.CLOSED, "this engine was closed")
                            : missed(peer, Code.PEER_GONE, reason));
            return;
        }
        Connection connection = connections.get(life);
        if (connection == null) {
            connection = new Connection(peer, parts);
            connections.put(life, connection);
            follow(life, connection);
            connection.start();
        }
        var unused = connection.settled().thenAccept(result::complete);
    }

    private void follow(Life life, Connection connection) {
        var unused = connection
                .settled()
                .thenAccept(settled -> settled.fold(peer -> connected.put(life, peer), cause -> null));
        var unusedToo = connection.ended().thenRun(() -> {
            connections.remove(life, connection);
            connected.remove(life);
        });
    }

    private Settled<Peer> missed(PeerRecord peer, Code code, String reason) {
        return new Settled.Missed<>(new Cause(
                code,
                peer.name(),
                peer.host() + ":" + peer.port(),
                ConnectionState.LOST,
                "before it began",
                Duration.ZERO,
                List.of(),
                reason));
    }

    private boolean tell(Runnable action) {
        try {
            parts.agent().execute(action);
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    /** Ends everything, in the reverse order of its making. Not to be called on the agent's thread. */
    @Override
    public void close() {
        if (!closing.compareAndSet(false, true)) {
            return;
        }
        CompletableFuture<Void> disconnected = new CompletableFuture<>();
        tell(() -> {
            new ArrayList<>(connections.values())
                    .forEach(connection -> connection.lose(Code.CLOSED, "this engine was closed"));
            disconnected.complete(null);
        });
        try {
            disconnected.get(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn(
                    "the agent of peer {} did not disconnect within {}: an action blocks",
                    self().name(),
                    CLOSE_TIMEOUT,
                    e);
        }
        parts.transports().forEach(Transport::close);
        parts.control().close();
        ended.run();
        parts.slots().close();
        registered.values().forEach(MemoryRegion::release);
        registered.clear();
        parts.agent().close();
    }

    /**
     * Ways out of a process.
     *
     * @param control that listens already
     * @param transports in order of preference
     * @param ended run once, when both are closed
     */
    record Ways(ControlPlane control, List<Transport> transports, Runnable ended) {
        public Ways {
            transports = List.copyOf(transports);
        }
    }
}
