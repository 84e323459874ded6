// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.WarmUpFrame.RemoteSlot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Slot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.time.Duration;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The warm-up of one path to one peer: link, proof, confirmation; ends with a link or with a reason.
 *
 * <p>Threading: its owner's agent.
 */
final class PathWarmUp {
    private static final Logger LOG = LoggerFactory.getLogger(PathWarmUp.class);

    private final EngineParts parts;
    private final Transport transport;
    private final PathCounters counters;
    private final RemoteSlot slot;
    private final Word word;
    private final Runnable onVerdict;
    private @Nullable Link candidate;
    private @Nullable Link link;
    private @Nullable String ownProof;
    private @Nullable String refusal;
    private boolean broken;
    private final Executor guarded;
    private String step = "not begun";

    PathWarmUp(EngineParts parts, int index, RemoteSlot slot, Runnable onVerdict) {
        this.parts = parts;
        this.transport = parts.transports().get(index);
        this.counters = parts.counters().get(index);
        this.slot = slot;
        this.word = parts.nextWord();
        this.onVerdict = onVerdict;
        this.guarded = action -> parts.agent().execute(() -> guard(action));
    }

    void start(PeerRecord remote, Duration timeout) {
        step = "opening a link";
        guard(() -> Following.onAgent(guarded, transport.link(remote), (verdict, failure) -> {
            if (verdict == null) {
                decide("failed: " + (failure == null || failure.getCause() == null ? failure : failure.getCause()));
            } else {
                linked(verdict, timeout);
            }
        }));
    }

    /** Runs an action of this warm-up: a defect in it refuses the path, and then reaches the agent's log. */
    private void guard(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            decide("a defect of this process: " + e);
            LOG.error("peer {}: warm-up of path {} failed", parts.self().name(), transport.name(), e);
        }
    }

    private void linked(Reachability verdict, Duration timeout) {
        broken = verdict instanceof Reachability.Broken;
        Link opened = verdict.fold(reached -> reached, reason -> {
            decide(reason);
            return null;
        });
        if (opened == null) {
            return;
        }
        if (isDecided()) {
            opened.close();
            return;
        }
        candidate = opened;
        if (opened.proof().isPresent()) {
            ownProof = opened.proof().get();
            decide(null);
            return;
        }
        Slot scratch;
        try {
            scratch = parts.slots().acquire();
        } catch (TransferException e) {
            decide("no memory for the warm-up: " + e.getMessage());
            return;
        }
        step = "reading, writing and reading back a slot";
        PathProof proof = new PathProof(opened, slot, scratch, word, guarded);
        proof.start(timeout, refused -> {
            parts.slots().release(scratch);
            broken = proof.isBroken();
            decide(refused);
        });
    }

    /** Refuses the path unless it is decided. */
    void refuse(String reason) {
        decide(reason);
    }

    /** Ends the warm-up, proved or not: its connection ended first. */
    void abandon(String reason) {
        decide(reason);
        if (link != null) {
            link.close();
            link = null;
            refusal = reason;
        }
    }

    /** The peer says what it saw in the slot: the last word on a path that seemed proved. */
    void confirm(Word seen) {
        if (link != null && ownProof == null && !seen.equals(word)) {
            Link disproved = link;
            link = null;
            refusal = "read back word=" + word + " while the peer saw word=" + seen
                    + ": it reaches other memory than the peer's";
            disproved.close();
        }
    }

    /** Returns whether it ended with a connection that could not be made or broke, which may work at another attempt. */
    boolean isBroken() {
        return broken;
    }

    boolean isDecided() {
        return link != null || refusal != null;
    }

    @Nullable
    Link link() {
        return link;
    }

    Word word() {
        return word;
    }

    Path path() {
        if (link != null) {
            String proof = ownProof == null ? "word " + word + " was read back and confirmed" : ownProof;
            return new Path(counters, link, new PathReport(transport.name(), true, proof));
        }
        String reason = refusal == null ? "no verdict yet, " + step : refusal;
        return new Path(counters, null, new PathReport(transport.name(), false, reason));
    }

    private void decide(@Nullable String reason) {
        if (isDecided()) {
            return;
        }
        if (reason == null) {
            link = candidate;
        } else {
            refusal = reason;
            if (candidate != null) {
                candidate.close();
            }
        }
        onVerdict.run();
    }
}
