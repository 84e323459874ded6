// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.Channel;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to reach a peer, from name resolution to the verdict. Ends once: with a wire, or with a failure that names the
 * peer and the state it was in.
 *
 * <p>Threading: safe from any thread.
 */
final class Dial {
    private final PeerRecord peer;
    private final Purpose purpose;
    private final boolean encrypted;
    private final Consumer<Wire> attach;
    private final CompletableFuture<Wire> outcome = new CompletableFuture<>();
    private volatile String state = "waiting for a thread to resolve the host name";
    private volatile @Nullable Channel channel;

    /**
     * Creates an attempt.
     *
     * @param attach puts the connection's handler into the pipeline, on its event loop, before the outcome is known
     */
    Dial(PeerRecord peer, Purpose purpose, boolean encrypted, Consumer<Wire> attach) {
        this.peer = peer;
        this.purpose = purpose;
        this.encrypted = encrypted;
        this.attach = attach;
    }

    PeerRecord peer() {
        return peer;
    }

    Purpose purpose() {
        return purpose;
    }

    boolean encrypted() {
        return encrypted;
    }

    boolean isDone() {
        return outcome.isDone();
    }

    CompletableFuture<Wire> outcome() {
        return outcome;
    }

    void enter(String next) {
        state = next;
    }

    void on(Channel opened) {
        channel = opened;
        if (outcome.isCompletedExceptionally()) {
            var unused = opened.close();
        }
    }

    /** Event loop. */
    void succeed(Wire wire) {
        attach.accept(wire);
        if (!outcome.complete(wire)) {
            wire.end(Code.CLOSED, "the attempt to reach peer " + peer.describe() + " had ended");
        }
    }

    void late(long limitMillis) {
        if (fail(
                Code.TIMED_OUT,
                "no connection within " + limitMillis + " ms, state=" + state
                        + ": check that the process lives and that no firewall drops its port")) {
            close();
        }
    }

    void abandon(Code code, String reason) {
        if (fail(code, reason)) {
            close();
        }
    }

    boolean fail(Code code, String reason) {
        return outcome.completeExceptionally(new TransferException(
                code, "cannot reach peer " + peer.describe() + " over tcp for " + purpose + ": " + reason));
    }

    private void close() {
        Channel opened = channel;
        if (opened != null) {
            var unused = opened.close();
        }
    }
}
