// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.ControlPlane;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.net.InetAddress;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The transport that always works, and the carrier of the control channel: one listener, and for each peer that is called one
 * control connection per {@link #control} and one data connection per {@link #link}.
 *
 * <p>Threading: safe from any thread. {@link #start}, {@link #unregister} and {@link #close} block, within bounds, and are not
 * called on the transport's own threads. Futures complete on an event loop: what depends on them must not block there.
 */
public final class TcpTransport implements Transport, ControlPlane {
    private static final Logger LOG = LoggerFactory.getLogger(TcpTransport.class);
    private static final Duration MAX_HANDSHAKE = Duration.ofSeconds(30);

    /** Back-offs between dials of a data connection: the last begins within a second and a half. */
    private static final Duration FIRST_BACK_OFF = Duration.ofMillis(100);

    private static final Duration LONGEST_BACK_OFF = Duration.ofMillis(800);

    private final Identity self;
    private final TransferSettings settings;
    private final Executor controlThreads;
    private final EventLoops loops;
    private final FileReaders fileReaders;
    private final Sockets sockets;
    private final Dialer dialer;
    private final RegionTable regions = new RegionTable();
    private final Map<String, ControlService> services = new ConcurrentHashMap<>();
    private final ForgottenLives forgotten = new ForgottenLives();
    private final Set<Wire> wires = ConcurrentHashMap.newKeySet();
    private final LongAdder refusedHandshakes = new LongAdder();
    private final AtomicBoolean closed = new AtomicBoolean();
    private @Nullable Listener listener;

    private TcpTransport(Identity self, TransferSettings settings, Executor controlThreads) {
        this.self = self;
        this.settings = settings;
        this.controlThreads = controlThreads;
        this.loops = EventLoops.start(self.name(), settings.tcp().threads());
        this.fileReaders = new FileReaders(self.name());
        this.sockets = new Sockets(loops.epoll(), settings.transferTimeout());
        this.dialer = new Dialer(loops, self, settings.connectTimeout(), sockets, InetAddress::getAllByName);
    }

    /**
     * Binds the listener and proves it by calling it, with the whole handshake, at the address that peers will use. If that address
     * is not this machine's and nothing answers there, or if another address was given to bind, a warning is logged instead.
     *
     * @param controlThreads run control services; lent until {@link #close}
     * @throws TransferException if no port could be bound, naming each attempt, or if the listener does not answer
     */
    public static TcpTransport start(Identity identity, TransferSettings settings, Executor controlThreads)
            throws TransferException {
        TcpTransport transport = new TcpTransport(identity, settings, controlThreads);
        try {
            transport.listen();
            return transport;
        } catch (TransferException | RuntimeException e) {
            transport.close();
            throw e;
        }
    }

    private void listen() throws TransferException {
        ChannelInitializer<Channel> connection = new ChannelInitializer<>() {
            private final Callee callee = new Callee();

            @Override
            protected void initChannel(Channel channel) {
                ReceiveBuffer receive = new ReceiveBuffer();
                sockets.tune(channel, receive);
                Duration limit = settings.connectTimeout().compareTo(MAX_HANDSHAKE) < 0
                        ? settings.connectTimeout()
                        : MAX_HANDSHAKE;
                channel.pipeline()
                        .addLast(new HandshakeCallee(self, settings.tcp().encrypted(), limit, receive, callee));
            }
        };
        listener = Listener.bind(loops, InetAddress::getAllByName, self.host(), settings.tcp(), connection);
        new ListenerProof(self, settings, this, attributes())
                .prove(
                        port(),
                        () -> dialer.abandon(
                                (name, epoch) -> name.equals(self.name()),
                                Code.CLOSED,
                                "the listener was checked for long enough"));
        LOG.info("peer {} listens on {}:{}", self.name(), self.host(), port());
    }

    @Override
    public int port() {
        if (listener == null) {
            throw new IllegalStateException("peer " + self.name() + " does not listen yet");
        }
        return listener.port();
    }

    @Override
    public void serve(String service, ControlService handler) {
        if (services.putIfAbsent(service, handler) != null) {
            throw new IllegalStateException("service=" + service + " is served already");
        }
    }

    /** Opens another control channel, which the caller closes, within the connect deadline. */
    @Override
    public CompletableFuture<ControlChannel> control(PeerRecord peer) {
        CompletableFuture<ControlChannel> opened = new CompletableFuture<>();
        dial(
                peer,
                Purpose.CONTROL,
                wire -> {
                    TcpControlChannel channel = new TcpControlChannel(wire, settings.transferTimeout());
                    wire.channel().pipeline().addLast(channel);
                    return channel;
                },
                opened);
        return opened;
    }

    @Override
    public CompletableFuture<Reachability> link(PeerRecord peer) {
        CompletableFuture<Reachability> verdict = new CompletableFuture<>();
        link(peer, FIRST_BACK_OFF, verdict);
        return verdict;
    }

    /** Dials, and again after a back-off if the connection was refused or reset: the peer has just answered elsewhere. */
    private void link(PeerRecord peer, Duration backOff, CompletableFuture<Reachability> verdict) {
        var unused = openLink(peer).whenComplete((link, failure) -> {
            if (failure == null) {
                verdict.complete(new Reachability.Reached(link));
                return;
            }
            boolean again = failure instanceof TransferException known && known.code() == Code.UNREACHABLE;
            if (!again || backOff.compareTo(LONGEST_BACK_OFF) > 0 || closed.get()) {
                String reason = String.valueOf(failure.getMessage());
                verdict.complete(again ? new Reachability.Broken(reason) : new Reachability.Refused(reason));
                return;
            }
            try {
                var unusedTimer = loops.group()
                        .schedule(
                                () -> link(peer, backOff.multipliedBy(2), verdict),
                                backOff.toMillis(),
                                TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                verdict.complete(new Reachability.Refused("this transport is closed"));
            }
        });
    }

    private CompletableFuture<Link> openLink(PeerRecord peer) {
        CompletableFuture<Link> opened = new CompletableFuture<>();
        dial(
                peer,
                Purpose.DATA,
                wire -> {
                    LinkConnection connection = new LinkConnection(wire, settings.transferTimeout());
                    if (!settings.tcp().encrypted()) {
                        connection.landDirectly();
                    }
                    wire.channel().pipeline().addLast(connection);
                    return new TcpLink(wire, connection);
                },
                opened);
        return opened;
    }

    /** Makes the end of a connection from its wire, on its event loop. */
    private interface Opening<T> {
        T open(Wire wire);
    }

    private <T extends AutoCloseable> void dial(
            PeerRecord peer, Purpose purpose, Opening<T> opening, CompletableFuture<? super T> opened) {
        CompletableFuture<T> made = new CompletableFuture<>();
        Dial dial = new Dial(peer, purpose, settings.tcp().encrypted(), wire -> {
            follow(wire);
            made.complete(opening.open(wire));
        });
        var unused = dial.outcome().whenComplete((wire, failure) -> {
            if (failure == null) {
                opened.complete(made.join());
            } else {
                opened.completeExceptionally(failure);
            }
        });
        String reason = forgotten.reason(peer.name(), peer.epoch());
        if (reason == null) {
            dialer.start(dial);
        } else {
            dial.abandon(Code.PEER_GONE, reason);
        }
    }

    private void follow(Wire wire) {
        wires.add(wire);
        var unused = wire.lost().thenRun(() -> wires.remove(wire));
        if (closed.get()) {
            wire.end(Code.CLOSED, "the tcp transport of peer " + self.name() + " is closed");
        }
        String reason = forgotten.reason(wire.peerName(), wire.peerEpoch());
        if (reason != null) {
            wire.end(Code.PEER_GONE, "peer " + wire.peer() + " is lost: " + reason);
        }
    }

    /** What the listener does with callers. */
    private final class Callee implements HandshakeCallee.Outcome {
        private final UnfinishedHandshakes unfinished = new UnfinishedHandshakes();
        private final Map<Verdict, Boolean> warned = new EnumMap<>(Verdict.class);

        @Override
        public void begun(UnfinishedHandshakes.Caller caller) {
            unfinished.begun(caller);
        }

        @Override
        public void ended(UnfinishedHandshakes.Caller caller) {
            unfinished.ended(caller);
        }

        @Override
        public @Nullable String lost(String name, long epoch) {
            return forgotten.reason(name, epoch);
        }

        @Override
        public void accepted(Purpose purpose, Wire wire) {
            follow(wire);
            if (purpose == Purpose.CONTROL) {
                wire.channel()
                        .pipeline()
                        .addLast(new ControlAnswerer(
                                wire, self.name(), services, controlThreads, settings.transferTimeout()));
                return;
            }
            OwnerConnection owner = new OwnerConnection(wire, regions, settings.transferTimeout(), fileReaders);
            if (!settings.tcp().encrypted()) {
                owner.landDirectly();
            }
            wire.channel().pipeline().addLast(owner);
        }

        @Override
        public void refused(Verdict verdict, String reason) {
            refusedHandshakes.increment();
            boolean first;
            synchronized (warned) {
                first = warned.put(verdict, true) == null;
            }
            if (first) {
                LOG.warn("refused a handshake ({}; further ones only counted): {}", verdict, reason);
            }
        }
    }

    @Override
    public void forget(String name, long epoch, String reason) {
        forgotten.add(name, epoch, reason);
        dialer.abandon((dialled, life) -> dialled.equals(name) && life == epoch, Code.PEER_GONE, reason);
        wires.forEach(wire -> {
            if (wire.isTo(name, epoch)) {
                wire.end(Code.PEER_GONE, "peer " + wire.peer() + " is lost: " + reason);
            }
        });
    }

    @Override
    public String name() {
        return "tcp";
    }

    @Override
    public Map<String, String> attributes() {
        return Map.of("tcp.version", Integer.toString(HandshakeLayout.VERSION));
    }

    @Override
    public void register(MemoryRegion region) {
        if (region instanceof HostRegion host) {
            regions.add(host);
        }
    }

    @Override
    public void unregister(MemoryRegion region) {
        if (loops.isCurrentThread()) {
            throw new IllegalStateException("unregister waits for transfers: not on thread "
                    + Thread.currentThread().getName());
        }
        regions.remove(region, settings.transferTimeout().multipliedBy(2));
    }

    @Override
    public long refusedRequests() {
        return regions.refusals();
    }

    /** Returns how many callers did not pass the handshake. */
    public long refusedHandshakes() {
        return refusedHandshakes.sum();
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        if (listener != null) {
            listener.close();
        }
        String reason = "the tcp transport of peer " + self.name() + " is closed";
        dialer.abandon((name, epoch) -> true, Code.CLOSED, reason);
        wires.forEach(wire -> wire.end(Code.CLOSED, reason));
        dialer.close();
        sockets.closeAll();
        loops.close();
        fileReaders.close();
    }
}
