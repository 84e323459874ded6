// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException.Code;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What follows from the votes of a generation. Any member may work it out from the votes that it has seen: which of the outcomes
 * counts is decided by the store, not here.
 */
final class Succession {
    /** Generations in a row that may have the same members and bring no result. */
    static final int MAX_STALLS = 3;

    private final View current;
    private final String group;
    private final int leastActive;

    /**
     * Creates the rule for one step.
     *
     * @param group as errors name it
     */
    Succession(View current, String group, int leastActive) {
        this.current = current;
        this.group = group;
        this.leastActive = leastActive;
    }

    /** Returns who of the voters stays: not who left, and of two of which one has lost the other only one. */
    private NavigableMap<Integer, Vote> staying(Collection<Vote> votes, Set<Integer> gone) {
        NavigableMap<Integer, Vote> staying = new TreeMap<>();
        for (Vote vote : votes) {
            if (current.contains(vote.member()) && !gone.contains(vote.member().rank())) {
                staying.put(vote.member().rank(), vote);
            }
        }
        Integer accused = mostAccused(staying);
        while (accused != null) {
            staying.remove(accused);
            accused = mostAccused(staying);
        }
        return staying;
    }

    /** Returns the rank that most others have lost, the highest of several; null when they have all of each other. */
    private static @Nullable Integer mostAccused(NavigableMap<Integer, Vote> staying) {
        TreeMap<Integer, Integer> times = new TreeMap<>();
        staying.values()
                .forEach(vote -> vote.lost().keySet().stream()
                        .filter(staying::containsKey)
                        .forEach(rank -> times.merge(rank, 1, Integer::sum)));
        return times.entrySet().stream()
                .max(Comparator.<Map.Entry<Integer, Integer>>comparingInt(Map.Entry::getValue)
                        .thenComparing(Map.Entry::getKey))
                .map(Map.Entry::getKey)
                .orElse(null);
    }

    /**
     * Returns the next view.
     *
     * @param votes of members of the current one
     * @param gone members that left, or whose process is known to be gone
     */
    View after(Collection<Vote> votes, Set<Integer> gone) {
        NavigableMap<Integer, Vote> staying = staying(votes, gone);
        List<Member> members = new ArrayList<>();
        long committed = Long.MAX_VALUE;
        for (Vote vote : staying.values()) {
            members.add(vote.member());
            committed = Math.min(committed, vote.has());
        }
        committed = staying.isEmpty() ? current.committed() : committed;
        boolean same = members.equals(current.members());
        Vote first = staying.isEmpty() ? null : firstReason(staying);
        String why = first == null ? "nobody voted" : first.text();
        if (!same) {
            why = "without " + describe(members) + ": " + why;
        }
        if (same && staying.values().stream().anyMatch(vote -> vote.code() == Code.DESYNC)) {
            return failed(members, Code.DESYNC, why);
        }
        long admission = admit(members, staying.values(), committed);
        boolean admitted = admission > current.admission();
        int stalls = same && !admitted && committed == current.committed() ? current.stalls() + 1 : 0;
        if (stalls > MAX_STALLS) {
            return failed(
                    members,
                    first == null ? Code.ABORTED : first.code(),
                    stalls + " generations of the same ranks brought no result; the last failed with: " + why);
        }
        if (members.size() < leastActive) {
            return failed(
                    members,
                    Code.RANK_LOST,
                    members.size() + " ranks are left active="
                            + members.stream().map(Member::rank).toList() + ", leastActive=" + leastActive + ", "
                            + why);
        }
        String reason = admitted ? "re-admission" : why;
        return new View(current.generation() + 1, members, committed, admission, stalls, null, reason);
    }

    private static Vote firstReason(NavigableMap<Integer, Vote> staying) {
        return staying.values().stream()
                .filter(vote -> vote.admitted().isEmpty())
                .findFirst()
                .orElseGet(() -> staying.values().iterator().next());
    }

    private String describe(List<Member> members) {
        return String.join(
                ", ",
                current.members().stream()
                        .filter(member -> !members.contains(member))
                        .map(Member::describe)
                        .toList());
    }

    /** Adds who was agreed on, if every member knows of it; returns the number of the last operation that did so. */
    private long admit(List<Member> members, Collection<Vote> votes, long committed) {
        long admission = current.admission();
        for (Vote vote : votes) {
            if (!vote.admitted().isEmpty() && committed >= vote.admissionNumber()) {
                admission = Math.max(admission, vote.admissionNumber());
                vote.admitted().stream()
                        .filter(asks -> members.stream().noneMatch(member -> member.rank() == asks.rank()))
                        .forEach(members::add);
            }
        }
        members.sort(Comparator.comparingInt(Member::rank));
        return admission;
    }

    private View failed(List<Member> members, Code code, String why) {
        return new View(
                current.generation() + 1,
                members,
                current.committed(),
                current.admission(),
                0,
                code,
                group + ": " + why);
    }
}
