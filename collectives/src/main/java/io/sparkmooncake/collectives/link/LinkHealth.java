// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Court;
import io.sparkmooncake.collectives.fabric.Verdict;
import io.sparkmooncake.transfer.TransferException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Whether a rank's links are whole, and why they are not.
 *
 * <p>Threading: safe from any thread.
 */
final class LinkHealth {
    private static final int ANSWER_SECONDS = 3;

    private final Membership self;
    private final Court court;
    private final AtomicReferenceArray<@Nullable String> losses;
    private volatile List<String> names = List.of();
    private volatile boolean lossKnown;
    private volatile @Nullable Verdict verdict;

    LinkHealth(Membership self, Court court) {
        this.self = self;
        this.court = court;
        this.losses = new AtomicReferenceArray<>(self.size());
    }

    /** Takes the names, which do not change. */
    void name(List<String> ranks) {
        names = ranks;
    }

    /** Returns how errors name a rank. */
    String describe(int rank) {
        return rank < names.size() ? names.get(rank) : "rank " + rank;
    }

    String foundBy() {
        return "; found by " + describe(self.rank());
    }

    /** Says that two ranks call different things. */
    String differs(int rank, String theirs, String ours) {
        return describe(rank) + " is at " + theirs + ", we are at " + ours + foundBy()
                + ". All ranks must call the same operations in the same order, with the same type, count, blocks and root";
    }

    /** Returns what another rank answers within a few seconds, or nothing. */
    static String answer(CompletableFuture<String> asked) {
        try {
            return asked.get(ANSWER_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        } catch (ExecutionException | TimeoutException e) {
            return "";
        }
    }

    boolean isBroken() {
        return verdict != null;
    }

    void lost(int rank, String reason) {
        losses.set(rank, reason);
        lossKnown = true;
    }

    /**
     * Throws what broke the links, here or elsewhere.
     *
     * @param hasLeft whether a rank has left: a process that ends after that is no loss
     * @param call what this rank is at
     */
    void throwIfBroken(IntPredicate hasLeft, Object call) throws CollectiveException {
        Verdict known = verdict;
        if (known != null) {
            throw known.exception();
        }
        for (int rank = 0; lossKnown && rank < self.size(); rank++) {
            String reason = losses.get(rank);
            if (reason != null && !hasLeft.test(rank)) {
                throw giveUp(Code.RANK_LOST, describe(rank) + " is lost in " + call + ": " + reason + foundBy());
            }
        }
    }

    /** Takes what another rank, or another part of this one's fabric, broke for. */
    synchronized void broken(Verdict known) {
        if (verdict == null) {
            verdict = known;
        }
    }

    /** Breaks the communicator on every rank and returns its verdict, which is an earlier one where there is one. */
    CollectiveException giveUp(Code code, String reason) {
        Verdict known = verdict;
        if (known == null) {
            broken(court.settle(new Verdict(
                    code, "communicator=" + self.communicator() + " epoch=" + self.epoch() + ": " + reason)));
            known = verdict;
            if (known == null) {
                throw new IllegalStateException("no verdict for " + reason);
            }
            court.spread(known);
        }
        return known.exception();
    }

    static Code codeOf(TransferException cause) {
        return switch (cause.code()) {
            case TIMED_OUT -> Code.TIMED_OUT;
            case CLOSED, CANCELLED -> Code.CLOSED;
            case PEER_LOST, PEER_GONE -> Code.RANK_LOST;
            case UNREACHABLE -> Code.UNREACHABLE;
            case REFUSED, PROTOCOL -> Code.REFUSED;
        };
    }
}
