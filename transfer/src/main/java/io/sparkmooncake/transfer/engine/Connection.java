// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.Countdown;
import io.sparkmooncake.transfer.engine.WarmUpFrame.Grant;
import io.sparkmooncake.transfer.engine.WarmUpFrame.Request;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.Link;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to connect one life of a peer, and the connection that comes of it: dial, ask for warm-up slots, prove every
 * path at once, let the peer confirm what it saw, then watch until it is lost. One deadline bounds all of it up to CONNECTED;
 * until it, whatever breaks begins anew.
 *
 * <p>A control channel that breaks later is dialled again, and transfers go on meanwhile, as long as a link is left that would
 * break, too, if the peer's process ended. If there is none, or if such a link breaks, the peer is lost: its next use connects
 * anew.
 *
 * <p>Threading: every field and method is the agent's, except {@link #settled}. An action that throws ends the connection.
 */
final class Connection {
    private final PeerRecord remote;
    private final EngineParts parts;
    private final Agent agent;
    private final Standing standing;
    private final Executor guarded;
    private final Dialing dialing;
    private final CompletableFuture<Settled<Peer>> settled = new CompletableFuture<>();
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final List<PathWarmUp> warmUps = new ArrayList<>();
    private @Nullable Countdown deadline;
    private Agent.@Nullable Alarm grace;
    private @Nullable ControlChannel control;
    private String controlBroke = "";
    private @Nullable Grant grant;
    private @Nullable ConnectedPeer peer;

    Connection(PeerRecord remote, EngineParts parts) {
        this.remote = remote;
        this.parts = parts;
        this.agent = parts.agent();
        this.standing = new Standing("record known", agent.nanoTime());
        this.guarded = action -> agent.execute(() -> guard(action));
        this.dialing = new Dialing(remote, parts, guarded, this::dialled, this::refused);
    }

    /** Completes with the peer or with the cause, when this attempt is decided. */
    CompletableFuture<Settled<Peer>> settled() {
        return settled;
    }

    /** Completes when this connection is lost and everything it held is closed. */
    CompletableFuture<Void> ended() {
        return ended;
    }

    ConnectionState state() {
        return standing.state();
    }

    @Nullable
    ConnectedPeer peer() {
        return peer;
    }

    void start() {
        standing.become(ConnectionState.WAITING_PEER_WARMUP, "dialing", agent.nanoTime());
        deadline = Countdown.start(agent, parts.settings().connectTimeout(), this::expire);
        dialing.dial();
    }

    /** Ends the connection, whatever its state; later calls change nothing. */
    void lose(Code code, String reason) {
        if (standing.is(ConnectionState.LOST)) {
            return;
        }
        Cause cause = cause(code, reason);
        standing.become(ConnectionState.LOST, reason, agent.nanoTime());
        dialing.stop();
        cancelAlarms();
        if (peer != null) {
            ended.complete(null); // whoever learns of the loss and asks for the peer again must not get this one
            peer.lose(code == Code.PEER_GONE ? code : Code.PEER_LOST, reason);
        } else {
            warmUps.forEach(warmUp -> warmUp.abandon("the attempt ended: " + reason));
            if (control != null) {
                abandonGrant();
                control.close();
            }
        }
        settled.complete(new Settled.Missed<>(cause));
        ended.complete(null);
    }

    private void dialled(ControlChannel channel) {
        control = channel;
        onAgent(
                channel.lost(),
                (reason, broken) -> controlLost(channel, String.valueOf(reason == null ? broken : reason)));
        if (peer != null) {
            cancelAlarms();
            dialing.rest();
            peer.controlIs(channel);
            standing.step("connected; its control channel was dialled again, since " + controlBroke);
            return;
        }
        standing.step("asking for warm-up slots");
        ask(
                Request.grant(remote.epoch(), parts.transports().size()),
                answer -> granted(WarmUpFrame.decodeGrant(answer)));
    }

    private void refused(TransferException failure) {
        lose(failure.code(), String.valueOf(failure.getMessage()));
    }

    private void controlLost(ControlChannel channel, String reason) {
        if (channel != control || standing.is(ConnectionState.LOST)) {
            return;
        }
        controlBroke = "its control channel broke: " + reason;
        if (peer == null) {
            beginAnew(new TransferException(Code.PEER_LOST, controlBroke));
        } else if (peer.noticesEnd()) {
            control = null;
            peer.controlBroke();
            deadline = Countdown.start(agent, parts.settings().connectTimeout(), this::expire);
            dialing.again(new TransferException(Code.PEER_LOST, controlBroke));
        } else {
            lose(Code.PEER_LOST, controlBroke);
        }
    }

    /** Before the peer was connected: what was reached so far is worth nothing without the channel. */
    private void beginAnew(TransferException failure) {
        if (standing.is(ConnectionState.WAITING_WARMUP_TRANSFER)) {
            standing.become(ConnectionState.WAITING_PEER_WARMUP, "dialing again", agent.nanoTime());
        }
        ControlChannel broken = control;
        control = null;
        grant = null;
        if (grace != null) {
            grace.cancel();
            grace = null;
        }
        warmUps.forEach(warmUp -> warmUp.abandon("the attempt began anew: " + failure.getMessage()));
        warmUps.clear();
        if (broken != null) {
            broken.close();
        }
        dialing.again(failure);
    }

    private void granted(Grant granted) throws TransferException {
        if (granted.slots().size() != parts.transports().size()) {
            throw new TransferException(
                    Code.PROTOCOL,
                    "asked for slots=" + parts.transports().size() + " and got slots="
                            + granted.slots().size());
        }
        grant = granted;
        standing.become(ConnectionState.WAITING_WARMUP_TRANSFER, "proving paths", agent.nanoTime());
        for (int i = 0; i < parts.transports().size(); i++) {
            warmUps.add(new PathWarmUp(parts, i, granted.slots().get(i), this::verdict));
        }
        List.copyOf(warmUps).forEach(warmUp -> warmUp.start(remote, remaining()));
    }

    private void verdict() {
        if (!standing.is(ConnectionState.WAITING_WARMUP_TRANSFER)) {
            return;
        }
        boolean undecided = warmUps.stream().anyMatch(warmUp -> !warmUp.isDecided());
        boolean proved = warmUps.stream().anyMatch(warmUp -> warmUp.link() != null);
        if (undecided && proved && grace == null) {
            grace = agent.after(EngineParts.PATH_GRACE, this::graceOver);
        }
        if (undecided) {
            return;
        }
        if (!proved) {
            proveAgainOrLose();
            return;
        }
        confirm();
    }

    /** A path that broke while it was opened or proved may work at the next attempt; one that was refused does not. */
    private void proveAgainOrLose() {
        if (warmUps.stream().noneMatch(PathWarmUp::isBroken)) {
            lose(Code.UNREACHABLE, "no path was proved");
            return;
        }
        String reasons = warmUps.stream()
                .map(warmUp -> warmUp.path().report())
                .map(path -> path.path() + ": " + path.reason())
                .collect(Collectors.joining("; "));
        abandonGrant();
        beginAnew(new TransferException(Code.UNREACHABLE, "no path was proved: " + reasons));
    }

    private void graceOver() {
        if (standing.is(ConnectionState.WAITING_WARMUP_TRANSFER)) {
            List.copyOf(warmUps)
                    .forEach(warmUp -> warmUp.refuse("was silent for " + EngineParts.PATH_GRACE.toSeconds()
                            + " s after another path was proved"));
            verdict();
        }
    }

    private void confirm() {
        standing.become(ConnectionState.WAITING_PEER_WARMUP, "asking what it saw in its slots", agent.nanoTime());
        List<Word> words = warmUps.stream().map(PathWarmUp::word).toList();
        long ticket = Objects.requireNonNull(grant).ticket();
        ask(Request.confirm(remote.epoch(), ticket, words), answer -> confirmed(WarmUpFrame.decodeWords(answer)));
    }

    private void confirmed(List<Word> seen) throws TransferException {
        grant = null;
        if (seen.size() != warmUps.size()) {
            throw new TransferException(
                    Code.PROTOCOL, "asked about slots=" + warmUps.size() + " and got slots=" + seen.size());
        }
        for (int i = 0; i < seen.size(); i++) {
            warmUps.get(i).confirm(seen.get(i));
        }
        if (warmUps.stream().allMatch(warmUp -> warmUp.link() == null)) {
            lose(Code.UNREACHABLE, "the peer saw none of the words that were written");
            return;
        }
        cancelAlarms();
        dialing.rest();
        ConnectedPeer connected = new ConnectedPeer(
                remote,
                Objects.requireNonNull(control),
                warmUps.stream().map(PathWarmUp::path).toList(),
                parts.settings().maxBytesInFlight());
        peer = connected;
        standing.become(ConnectionState.CONNECTED, "connected", agent.nanoTime());
        for (PathWarmUp warmUp : warmUps) {
            Link link = warmUp.link();
            if (link != null) {
                onAgent(link.lost(), (reason, broken) -> linkLost(connected, link, reason == null ? "?" : reason));
            }
        }
        settled.complete(new Settled.Reached<>(connected));
    }

    private void linkLost(ConnectedPeer connected, Link link, String reason) {
        if (!standing.is(ConnectionState.CONNECTED)) {
            return;
        }
        if (!connected.linkLost(link, reason)) {
            lose(Code.PEER_LOST, "its last path broke: " + reason);
        } else if (link.noticesEnd()) {
            String first = control == null ? controlBroke + "; then a path: " : "a path broke: ";
            lose(Code.PEER_LOST, first + reason); // a path that was lost comes back with a new connection only
        }
    }

    private void expire() {
        TransferException last = dialing.lastFailure();
        if (last == null || control != null) {
            lose(Code.TIMED_OUT, "no answer while " + standing.step());
        } else if (peer != null) {
            lose(Code.PEER_LOST, controlBroke + "; and it could not be dialled again: " + last.getMessage());
        } else {
            standing.step("dialing again after failures=" + dialing.failures());
            lose(last.code(), String.valueOf(last.getMessage()));
        }
    }

    private void cancelAlarms() {
        if (deadline != null) {
            deadline.cancel();
        }
        if (grace != null) {
            grace.cancel();
        }
    }

    /** Asks the peer's warm-up service; a channel that breaks begins the attempt anew, every other failure ends it. */
    private void ask(Request request, Answer then) {
        ControlChannel channel = Objects.requireNonNull(control);
        onAgent(channel.ask(WarmUpService.NAME, WarmUpFrame.encode(request), remaining()), (answer, failure) -> {
            if (standing.is(ConnectionState.LOST) || channel != control) {
                return;
            }
            try {
                if (answer == null) {
                    throw Objects.requireNonNull(failure);
                }
                then.take(answer);
            } catch (TransferException e) {
                if (e.code() == Code.PEER_LOST && e == failure) {
                    beginAnew(e);
                } else {
                    lose(e.code(), String.valueOf(e.getMessage()));
                }
            }
        });
    }

    private void abandonGrant() {
        if (grant != null && control != null) {
            ByteBuffer frame = WarmUpFrame.encode(Request.abandon(remote.epoch(), grant.ticket()));
            var unused = control.ask(WarmUpService.NAME, frame, EngineParts.PATH_GRACE);
            grant = null;
        }
    }

    private Duration remaining() {
        return deadline == null ? parts.settings().connectTimeout() : deadline.left();
    }

    /** Runs an action of this connection: a defect in it ends the connection, and then reaches the agent's log. */
    private void guard(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            lose(Code.UNREACHABLE, "a defect of this process: " + e);
            throw e;
        }
    }

    private Cause cause(Code code, String error) {
        List<PathReport> paths =
                warmUps.stream().map(warmUp -> warmUp.path().report()).toList();
        Duration inState = Duration.ofNanos(agent.nanoTime() - standing.sinceNanos());
        String address = remote.host() + ":" + remote.port();
        return new Cause(code, remote.name(), address, standing.state(), standing.step(), inState, paths, error);
    }

    private <T> void onAgent(CompletableFuture<T> future, BiConsumer<@Nullable T, @Nullable TransferException> action) {
        Following.onAgent(guarded, future, action);
    }

    private interface Answer {
        void take(ByteBuffer answer) throws TransferException;
    }
}
