// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.store.Change;
import io.sparkmooncake.transfer.store.Watch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The ranks of one communicator that one rank has seen so far.
 *
 * <p>Threading: changes come on the agent's thread, the rest is asked from any.
 */
final class RankBoard {
    private final Membership self;
    private final RankRecord own;
    private final CompletableFuture<List<RankRecord>> complete = new CompletableFuture<>();
    private final CompletableFuture<RankMaps> mapped = new CompletableFuture<>();

    /** Ends the keys under which ranks say whom they map. */
    static final String MAPS = "/maps";

    /** Ends the keys of records. */
    static final String RECORD = "/record";

    @GuardedBy("this")
    private final @Nullable RankRecord[] found;

    @GuardedBy("this")
    private int foundCount;

    /** Ranks of one host have one mark, and it is long. */
    @GuardedBy("this")
    private final Map<String, String> marks = new HashMap<>();

    @GuardedBy("this")
    private final RankMaps maps;

    /** Once all records are there: whose list of ranks is not. */
    @GuardedBy("this")
    private final Set<Integer> awaited = new HashSet<>();

    /** Returns what the keys of a communicator begin with. */
    static String prefix(Membership self) {
        return "collectives/" + self.communicator() + "/" + self.epoch() + "/";
    }

    RankBoard(Membership self, RankRecord own) {
        this.self = self;
        this.own = own;
        this.found = new RankRecord[self.size()];
        this.maps = new RankMaps(self.size());
    }

    /** Completes with the records of all ranks, in order, or fails with {@link CollectiveException}. */
    CompletableFuture<List<RankRecord>> complete() {
        return complete;
    }

    /** Completes when all who may map others have said whom they map. */
    CompletableFuture<RankMaps> mapped() {
        return mapped;
    }

    /** Returns the ranks that have no record yet, or, once all have one, those that have not said whom they map. */
    synchronized List<Integer> missing() {
        List<Integer> ranks = new ArrayList<>();
        for (int rank = 0; rank < self.size(); rank++) {
            if (found[rank] == null) {
                ranks.add(rank);
            }
        }
        return ranks.isEmpty() ? silent(all()) : ranks;
    }

    /** Returns all records, in order, once they are there. */
    @GuardedBy("this")
    private List<RankRecord> all() {
        return Arrays.stream(found).map(Objects::requireNonNull).toList();
    }

    @GuardedBy("this")
    private List<Integer> silent(List<RankRecord> records) {
        Map<String, RankRecord.Home> homes = new HashMap<>();
        Set<String> shared = new HashSet<>();
        for (RankRecord record : records) {
            RankRecord.Home home = record.process();
            RankRecord.Home first = homes.putIfAbsent(home.mark(), home);
            if (!home.mark().isEmpty() && first != null && !first.isSameProcess(home)) {
                shared.add(home.mark());
            }
        }
        List<Integer> ranks = new ArrayList<>();
        for (RankRecord record : records) {
            if (shared.contains(record.process().mark()) && !maps.isKnown(record.rank())) {
                ranks.add(record.rank());
            }
        }
        return ranks;
    }

    /** Agent: takes what changed under the communicator's prefix. */
    synchronized void changed(Watch.Changes seen) {
        try {
            for (Change change : seen.changes()) {
                if (change instanceof Change.Present present && present.key().endsWith(MAPS)) {
                    int rank = rankOf(present.key());
                    maps.put(rank, present.value().bytes());
                    awaited.remove(rank);
                } else if (change instanceof Change.Present present) {
                    add(present);
                } else if (change instanceof Change.Removed removed) {
                    gone(removed);
                }
            }
        } catch (TransferException e) {
            fail(Code.REFUSED, String.valueOf(e.getMessage()));
        }
        if (foundCount == self.size()) {
            if (!complete.isDone()) {
                List<RankRecord> records = all();
                awaited.addAll(silent(records));
                complete.complete(records);
            }
            if (awaited.isEmpty()) {
                mapped.complete(maps);
            }
        }
    }

    @GuardedBy("this")
    private void add(Change.Present present) throws TransferException {
        RankRecord record = RankRecord.decode(present.value().bytes().toBytes(), this::shared);
        if (record.size() != self.size()
                || record.windowBytes() != own.windowBytes()
                || record.rank() < 0
                || record.rank() >= self.size()) {
            fail(
                    Code.REFUSED,
                    record.describe() + " joins size=" + record.size() + " windowBytes=" + record.windowBytes()
                            + " and rank " + self.rank() + " (" + own.address() + ") joins size=" + self.size()
                            + " windowBytes=" + own.windowBytes()
                            + ": give each communicator a name of its own, and all ranks the same size");
            return;
        }
        RankRecord before = record.rank() == self.rank() ? own : found[record.rank()];
        if (before != null && !before.encodedSegment().equals(record.encodedSegment())) {
            fail(
                    Code.REFUSED,
                    record.describe() + " is there twice, before at " + before.address()
                            + ": each attempt of a stage joins under an epoch of its own");
            return;
        }
        if (found[record.rank()] == null) {
            foundCount++;
        }
        found[record.rank()] = record;
    }

    private synchronized String shared(String mark) {
        return marks.computeIfAbsent(mark, same -> same);
    }

    @GuardedBy("this")
    private void gone(Change.Removed removed) {
        String who = "rank " + rankOf(removed.key());
        if (removed.cause() == Change.Cause.OWNER_GONE) {
            fail(Code.RANK_LOST, who + " was lost while ranks were joining: " + removed.reason());
        } else {
            fail(Code.ABORTED, who + " gave up joining: the log of its task says why");
        }
    }

    private static int rankOf(String key) {
        int end = key.lastIndexOf('/');
        return Integer.parseInt(key.substring(key.lastIndexOf('/', end - 1) + 1, end));
    }

    private void fail(Code code, String reason) {
        CollectiveException failure = new CollectiveException(
                code, "communicator=" + self.communicator() + " epoch=" + self.epoch() + ": " + reason);
        complete.completeExceptionally(failure);
        mapped.completeExceptionally(failure);
    }
}
