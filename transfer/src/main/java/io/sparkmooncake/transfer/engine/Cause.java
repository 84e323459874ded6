// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * One row of the table of causes: why a peer is not connected.
 *
 * @param code what kind of failure
 * @param peer name
 * @param address {@code host:port}, or what is known of it
 * @param state in which the connection was when it ended
 * @param step within the state
 * @param inState time in that state
 * @param paths verdict on each configured path
 * @param lastError the error that ended it, or the last one seen
 */
record Cause(
        Code code,
        String peer,
        String address,
        ConnectionState state,
        String step,
        Duration inState,
        List<PathReport> paths,
        String lastError) {

    private static final int MAX_ROWS = 32;

    public Cause {
        paths = List.copyOf(paths);
    }

    /**
     * Makes the error that a waiter gets.
     *
     * @param asked number of peers that were asked for
     * @param waited time since they were asked for
     * @param timeout how long that could have been
     * @param causes one per peer that is not connected; not empty
     */
    static TransferException toException(int asked, Duration waited, Duration timeout, List<Cause> causes) {
        StringBuilder text = new StringBuilder(256 * Math.min(MAX_ROWS, causes.size()));
        text.append(causes.size())
                .append(" of ")
                .append(asked)
                .append(" peers not connected after ")
                .append(seconds(waited))
                .append(" (spark.mooncake.connect.timeout=")
                .append(seconds(timeout))
                .append(")\npeer | address | state | paths | last error | check first");
        causes.stream().limit(MAX_ROWS).forEach(cause -> text.append('\n').append(cause.row()));
        if (causes.size() > MAX_ROWS) {
            Map<ConnectionState, Long> others = causes.stream()
                    .skip(MAX_ROWS)
                    .collect(Collectors.groupingBy(Cause::state, TreeMap::new, Collectors.counting()));
            text.append("\nand ")
                    .append(causes.size() - MAX_ROWS)
                    .append(" more: ")
                    .append(others);
        }
        return new TransferException(causes.get(0).code(), text.toString());
    }

    private String row() {
        String tried = paths.isEmpty()
                ? "none tried"
                : paths.stream()
                        .map(path -> path.path() + ": " + (path.offered() ? "proved, " : "") + path.reason())
                        .collect(Collectors.joining("; "));
        return String.join(
                " | ",
                peer,
                address,
                state + " for " + seconds(inState) + ": " + step,
                tried,
                lastError.replace('\n', ' '),
                firstCheck());
    }

    private String firstCheck() {
        if (code == Code.PROTOCOL) {
            return "that both processes run the same spark-mooncake jar in the same application";
        }
        if (code == Code.CLOSED) {
            return "nothing: this process was closing";
        }
        if (code == Code.PEER_GONE) {
            return "the end of the log of " + peer + ", and why Spark removed it";
        }
        if (code == Code.PEER_LOST) {
            return "the end of the log of " + peer;
        }
        return switch (state) {
            case WAITING_STORE -> "that " + peer + " is running and its log for the reason why it published nothing";
            case WAITING_PEER_WARMUP ->
                "that " + address
                        + " can be reached from this host (firewall, network policy, the address that it published) and that "
                        + peer + " is not stuck";
            case WAITING_WARMUP_TRANSFER ->
                "the reason of each path; spark.mooncake.transfer.paths=tcp rules out all others";
            case CONNECTED, LOST -> "the end of the log of " + peer;
        };
    }

    private static String seconds(Duration duration) {
        return String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1000.0);
    }
}
