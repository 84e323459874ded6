// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Change;
import io.sparkmooncake.transfer.store.Watch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * What this rank has read of its group in the store. It may be old, which delays and does no harm: what counts is decided by
 * compare-and-set.
 *
 * <p>Threading: changes come on the agent's thread, and losses from connections'; one thread waits.
 */
final class Board {
    private static final String VIEW = "view";
    private final String prefix;

    @GuardedBy("this")
    private final Map<String, Blob> values = new HashMap<>();

    @GuardedBy("this")
    private final Map<String, String> removed = new HashMap<>();

    @GuardedBy("this")
    private final Map<Long, String> lost = new HashMap<>();

    @GuardedBy("this")
    private Optional<View> latest = Optional.empty();

    @GuardedBy("this")
    private boolean ended;

    @GuardedBy("this")
    private long changes;

    Board(String prefix) {
        this.prefix = prefix;
    }

    /** Agent: takes what changed under the prefix. */
    synchronized void changed(Watch.Changes seen) {
        Set<String> unseen = new HashSet<>(seen.snapshot() ? values.keySet() : Set.of());
        for (Change change : seen.changes()) {
            String key = change.key().substring(prefix.length());
            unseen.remove(key);
            if (change instanceof Change.Present present) {
                values.put(key, present.value().bytes());
                removed.remove(key);
                if (key.equals(VIEW)) {
                    offer(View.decode(present.value().bytes().toBytes()));
                }
            } else if (change instanceof Change.Removed gone) {
                remove(key, gone.reason());
            }
        }
        unseen.forEach(key -> remove(key, "the store does not know it any more"));
        wake();
    }

    @GuardedBy("this")
    private void remove(String key, String reason) {
        values.remove(key);
        removed.put(key, reason);
        ended |= key.equals(VIEW);
    }

    /** Takes a view that was read; older ones are ignored. */
    synchronized void offer(View view) {
        if (latest.isEmpty() || view.generation() > latest.get().generation()) {
            latest = Optional.of(view);
        }
        wake();
    }

    /** Takes that a member's process is lost. */
    synchronized void lost(Member member, String reason) {
        lost.putIfAbsent(member.token(), reason);
        wake();
    }

    synchronized void wake() {
        changes++;
        notifyAll();
    }

    synchronized Optional<View> latest() {
        return latest;
    }

    /** True once the last member has swept the group out of the store. */
    synchronized boolean hasEnded() {
        return ended;
    }

    synchronized long changes() {
        return changes;
    }

    /** Returns the votes on who follows a view. */
    synchronized List<Vote> votes(View view) {
        List<Vote> votes = new ArrayList<>();
        for (Member member : view.members()) {
            Blob bytes = values.get(voteKey(view.generation() + 1, member.rank()));
            if (bytes != null) {
                Vote vote = Vote.decode(bytes.toBytes());
                if (vote.member().equals(member)) {
                    votes.add(vote);
                }
            }
        }
        return votes;
    }

    /** Returns the members of which the store says that they left or are gone. */
    synchronized Set<Integer> gone(View view) {
        Set<Integer> gone = new HashSet<>();
        for (Member member : view.members()) {
            if (removed.containsKey(rankKey(member))) {
                gone.add(member.rank());
            }
        }
        return gone;
    }

    /** Returns the members that this process lost its connection to, with the reasons. */
    synchronized Map<Integer, String> lost(View view) {
        Map<Integer, String> ranks = new HashMap<>();
        for (Member member : view.members()) {
            String reason = lost.get(member.token());
            if (reason != null) {
                ranks.put(member.rank(), reason);
            }
        }
        return ranks;
    }

    /** True when nobody is left to be waited for: each member has voted, left, or is lost to one that voted. */
    synchronized boolean isSettled(View view) {
        Set<Integer> awaited = new HashSet<>(view.active().ranks());
        awaited.removeAll(gone(view));
        awaited.removeAll(lost(view).keySet());
        for (Vote vote : votes(view)) {
            awaited.removeAll(vote.lost().keySet());
        }
        votes(view).forEach(vote -> awaited.remove(vote.member().rank()));
        return awaited.isEmpty();
    }

    /** Waits until something has changed since, for this long at most. */
    synchronized void awaitChange(long since, long limitNanos) throws InterruptedException {
        long startNanos = System.nanoTime();
        long leftNanos = limitNanos;
        while (changes == since && leftNanos > 0) {
            TimeUnit.NANOSECONDS.timedWait(this, leftNanos);
            leftNanos = limitNanos - (System.nanoTime() - startNanos);
        }
    }

    static String viewKey() {
        return VIEW;
    }

    static String rankKey(Member member) {
        return "rank/" + member.key();
    }

    static String voteKey(long generation, int rank) {
        return "vote/" + generation + "/" + rank;
    }

    static String askKey(int rank) {
        return "ask/" + rank;
    }
}
