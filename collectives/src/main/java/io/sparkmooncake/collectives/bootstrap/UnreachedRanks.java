// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.transfer.Peer.PathReport;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The table of causes of ranks that published themselves and are not reached: one row each. */
final class UnreachedRanks {
    private static final int MAX_ROWS = 32;
    private static final int STATE_COLUMN = 2;
    private static final int CAUSE_COLUMNS = 6;

    private UnreachedRanks() {}

    /**
     * One rank.
     *
     * @param record what it published
     * @param state where this side was
     * @param inState since when
     * @param paths verdict on each configured path, empty where none was tried
     * @param unmapped why its memory was not mapped; empty where that was not tried
     * @param error the last one
     */
    record Row(
            RankRecord record, String state, Duration inState, List<PathReport> paths, String unmapped, String error) {
        Row {
            paths = List.copyOf(paths);
        }

        private String text() {
            String start = record.rank() + " | " + record.address() + " | ";
            // What the directory says of one peer is such a row already, with its state and paths.
            String last = error.substring(error.lastIndexOf('\n') + 1);
            String[] columns = last.split(" \\| ", -1);
            if (columns.length == CAUSE_COLUMNS) {
                return start + String.join(" | ", List.of(columns).subList(STATE_COLUMN, CAUSE_COLUMNS));
            }
            String tried = paths.stream()
                    .map(path -> path.path() + (path.offered() ? " offered" : " refused") + ": " + path.reason())
                    .collect(Collectors.joining("; "));
            return start + state + " for " + seconds(inState) + " | "
                    + (tried.isEmpty() ? "none tried" : tried)
                    + (unmapped.isEmpty() ? "" : "; not mapped: " + unmapped)
                    + " | " + last + " | that the task of partition " + record.rank() + " still runs on "
                    + record.address();
        }
    }

    static String table(int asked, Duration timeout, List<Row> rows) {
        String text = rows.size() + " of " + asked + " ranks not reached (spark.mooncake.connect.timeout="
                + seconds(timeout) + ")\nrank | address | state | paths | last error | check first\n"
                + rows.stream().limit(MAX_ROWS).map(Row::text).collect(Collectors.joining("\n"));
        return rows.size() > MAX_ROWS ? text + "\nand " + (rows.size() - MAX_ROWS) + " more" : text;
    }

    private static String seconds(Duration duration) {
        return String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1000.0);
    }
}
