// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException.Code;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class SuccessionTest {
    private static final String GROUP = "communicator=g epoch=1";

    private static Member member(int rank) {
        return new Member(rank, 1_000 + rank, "exec-" + rank, 7, "127.0.0.1:" + (4_000 + rank));
    }

    private static View view(long committed, int stalls, int... ranks) {
        List<Member> members = new ArrayList<>();
        for (int rank : ranks) {
            members.add(member(rank));
        }
        return new View(4, members, committed, 0, stalls, null, "because");
    }

    private static Vote vote(int rank, long has, Integer... lost) {
        Map<Integer, String> reasons = new HashMap<>();
        for (Integer each : lost) {
            reasons.put(each, "connection reset");
        }
        return new Vote(member(rank), has, Code.TIMED_OUT, "text of " + rank, reasons, 0, List.of());
    }

    private static View after(View current, Set<Integer> gone, Vote... votes) {
        return new Succession(current, GROUP, 1).after(List.of(votes), gone);
    }

    @Test
    void whoVotesGoesOnFromTheLeastThatAllHave() {
        View next = after(view(10, 0, 0, 1, 2), Set.of(), vote(0, 11), vote(2, 12));
        assertThat(next.active()).isEqualTo(new ActiveRanks(5, List.of(0, 2)));
        assertThat(next.committed()).isEqualTo(11);
        assertThat(next.reason()).isEqualTo("without rank 1 (127.0.0.1:4001): text of 0");
        assertThat(next.failure()).isNull();
    }

    @Test
    void whoVotedAndLeftIsNotWaitedFor() {
        assertThat(after(view(1, 0, 0, 1, 2), Set.of(0), vote(0, 1), vote(1, 1), vote(2, 1))
                        .active()
                        .ranks())
                .containsExactly(1, 2);
    }

    @Test
    void votesOfAnotherLifeDoNotCount() {
        Vote other = new Vote(
                new Member(1, 5, "exec-1", 8, "127.0.0.1:1"), 1, Code.TIMED_OUT, "text", Map.of(), 0, List.of());
        assertThat(after(view(1, 0, 0, 1), Set.of(), vote(0, 1), other).active().ranks())
                .containsExactly(0);
    }

    @Test
    void ofTwoThatLostEachOtherTheHigherOneGoes() {
        assertThat(after(view(1, 0, 0, 1, 2), Set.of(), vote(0, 1, 1), vote(1, 1, 0), vote(2, 1))
                        .active()
                        .ranks())
                .containsExactly(0, 2);
    }

    @Test
    void whomMostHaveLostGoes() {
        assertThat(after(view(1, 0, 0, 1, 2), Set.of(), vote(0, 1, 1, 2), vote(1, 1, 0), vote(2, 1, 0))
                        .active()
                        .ranks())
                .containsExactly(1, 2);
    }

    @Test
    void theSameRanksWithoutAResultEndAfterAWhile() {
        View current = view(3, 0, 0, 1);
        for (int i = 0; i < Succession.MAX_STALLS; i++) {
            current = after(current, Set.of(), vote(0, 3), vote(1, 3));
            assertThat(current.failure()).isNull();
        }
        assertThat(after(current, Set.of(), vote(0, 4), vote(1, 4)).failure()).isNull();
        View failed = after(current, Set.of(), vote(0, 3), vote(1, 4));
        assertThat(failed.failure()).isEqualTo(Code.TIMED_OUT);
        assertThat(failed.reason())
                .isEqualTo(
                        GROUP + ": 4 generations of the same ranks brought no result; the last failed with: text of 0");
    }

    @Test
    void onlyWhatAllHaveAgreedOnIsTakenIn() {
        Vote asks = new Vote(member(0), 6, Code.ABORTED, "re-admission", Map.of(), 6, List.of(member(1)));
        assertThat(after(view(5, 0, 0, 2), Set.of(), asks, vote(2, 6)).active().ranks())
                .containsExactly(0, 1, 2);
        assertThat(after(view(5, 0, 0, 2), Set.of(), asks, vote(2, 5)).active().ranks())
                .containsExactly(0, 2);
    }

    @Test
    void recordsAreReadAsTheyWereWritten() {
        View view = after(view(1, 0, 0, 1), Set.of(), vote(0, 1));
        assertThat(View.decode(view.encode())).isEqualTo(view);
        Vote vote = new Vote(member(0), 6, Code.ABORTED, "x", Map.of(1, "y"), 6, List.of(member(1)));
        assertThat(Vote.decode(vote.encode())).isEqualTo(vote);
    }
}
