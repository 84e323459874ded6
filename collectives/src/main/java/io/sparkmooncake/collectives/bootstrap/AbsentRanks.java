// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.transfer.store.Watch;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** The table of causes of a join: one row per rank that published nothing. */
final class AbsentRanks {
    private static final int MAX_ROWS = 32;

    private AbsentRanks() {}

    static String table(Membership self, List<Integer> ranks, Duration timeout, Watch.Looks looks) {
        String seconds = String.format(Locale.ROOT, "%.1f s", timeout.toMillis() / 1000.0);
        StringBuilder text = new StringBuilder(256 + 128 * Math.min(MAX_ROWS, ranks.size()));
        text.append(ranks.size())
                .append(" of ")
                .append(self.size())
                .append(" ranks not joined after ")
                .append(seconds)
                .append(" (spark.mooncake.connect.timeout=")
                .append(seconds)
                .append(")\nrank | address | state | last error | check first");
        ranks.stream()
                .limit(MAX_ROWS)
                .forEach(rank -> text.append('\n')
                        .append(rank)
                        .append(" | address unknown | WAITING_STORE for ")
                        .append(seconds)
                        .append(": waiting for its record | no record in the store, look-ups=")
                        .append(looks.count())
                        .append(", their last error: ")
                        .append(looks.lastError())
                        .append(" | that the task of partition ")
                        .append(rank)
                        .append(" runs: a barrier stage needs a slot for each of its tasks, and all must join epoch ")
                        .append(self.epoch()));
        if (ranks.size() > MAX_ROWS) {
            text.append("\nand ").append(ranks.size() - MAX_ROWS).append(" more");
        }
        return text.toString();
    }
}
