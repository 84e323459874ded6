// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.ControlPlane;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Control planes of many processes in one JVM, with faults to order. Answers come at once, on the asker's thread. */
public final class FakeNetwork {
    private final Map<Integer, Plane> listeners = new ConcurrentHashMap<>();
    private final AtomicInteger nextPort = new AtomicInteger(10_000);

    /** Starts a listener. */
    public Plane listen(String name, long epoch) {
        Plane plane = new Plane(name, epoch, nextPort.incrementAndGet());
        listeners.put(plane.port, plane);
        return plane;
    }

    /** One process's control plane. */
    public final class Plane implements ControlPlane {
        private final String name;
        private final long epoch;
        private final int port;
        private final Map<String, ControlService> services = new ConcurrentHashMap<>();
        private final List<Channel> channels = new CopyOnWriteArrayList<>();
        private final AtomicInteger dials = new AtomicInteger();
        private volatile boolean silent;
        private volatile @Nullable Predicate<ByteBuffer> swallow;
        private final AtomicInteger refusals = new AtomicInteger();

        private Plane(String name, long epoch, int port) {
            this.name = name;
            this.epoch = epoch;
            this.port = port;
        }

        /** From now on dials to this process get no answer. */
        public void beSilent() {
            silent = true;
        }

        /** The next dials to this process are refused. */
        public void refuseDials(int count) {
            refusals.set(count);
        }

        /** From now on requests that match are never answered. */
        public void swallow(Predicate<ByteBuffer> requests) {
            swallow = requests;
        }

        /** Returns how often this process was dialled. */
        public int dials() {
            return dials.get();
        }

        /** Breaks every channel to and from this process, as its death does. */
        public void die(String reason) {
            listeners.remove(port);
            breakChannels(reason);
        }

        /** Breaks every channel to and from this process, which lives on. */
        public void breakChannels(String reason) {
            List<Channel> broken = new ArrayList<>(channels);
            listeners
                    .values()
                    .forEach(other -> other.channels.stream()
                            .filter(channel -> channel.target == this)
                            .forEach(broken::add));
            broken.forEach(channel -> channel.lost.complete(reason));
        }

        @Override
        public int port() {
            return port;
        }

        @Override
        public void serve(String service, ControlService handler) {
            if (services.putIfAbsent(service, handler) != null) {
                throw new IllegalStateException("service=" + service + " exists");
            }
        }

        @Override
        public CompletableFuture<ControlChannel> control(PeerRecord peer) {
            Plane target = listeners.get(peer.port());
            if (target == null) {
                return CompletableFuture.failedFuture(new TransferException(Code.UNREACHABLE, "Connection refused"));
            }
            target.dials.incrementAndGet();
            if (target.silent) {
                return new CompletableFuture<>();
            }
            if (target.refusals.getAndUpdate(count -> Math.max(0, count - 1)) > 0) {
                return CompletableFuture.failedFuture(new TransferException(Code.UNREACHABLE, "Connection reset"));
            }
            if (!target.name.equals(peer.name())) {
                return CompletableFuture.failedFuture(
                        new TransferException(Code.PROTOCOL, "dialled " + peer.name() + " and found " + target.name));
            }
            Channel channel = new Channel(this, target);
            channels.add(channel);
            return CompletableFuture.completedFuture(channel);
        }

        @Override
        public void forget(String lostName, long lostEpoch, String reason) {
            channels.stream()
                    .filter(channel -> channel.target.name.equals(lostName) && channel.target.epoch == lostEpoch)
                    .forEach(Channel::close);
        }

        @Override
        public void close() {
            die("closed by " + name);
        }
    }

    private static final class Channel implements ControlChannel {
        private final Plane source;
        private final Plane target;
        private final CompletableFuture<String> lost = new CompletableFuture<>();

        Channel(Plane source, Plane target) {
            this.source = source;
            this.target = target;
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            if (lost.isDone()) {
                return CompletableFuture.failedFuture(new TransferException(Code.PEER_LOST, lost.join()));
            }
            Predicate<ByteBuffer> swallowed = target.swallow;
            if (swallowed != null && swallowed.test(request.duplicate())) {
                return new CompletableFuture<>();
            }
            ControlService handler = target.services.get(service);
            if (handler == null) {
                return CompletableFuture.failedFuture(new TransferException(Code.REFUSED, "no service=" + service));
            }
            try {
                ControlService.Caller caller = new ControlService.Caller(source.name, source.epoch, "host");
                return CompletableFuture.completedFuture(handler.answer(caller, request.asReadOnlyBuffer()));
            } catch (Exception e) {
                return CompletableFuture.failedFuture(
                        new TransferException(Code.REFUSED, String.valueOf(e.getMessage()), e));
            }
        }

        @Override
        public CompletableFuture<String> lost() {
            return lost;
        }

        @Override
        public void close() {
            lost.complete("closed");
            source.channels.remove(this);
        }
    }
}
