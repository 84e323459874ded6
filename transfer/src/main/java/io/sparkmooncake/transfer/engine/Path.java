// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.spi.Link;
import org.jspecify.annotations.Nullable;

/**
 * One configured path to one peer.
 *
 * @param counters of this path, over all peers
 * @param link present exactly when the path is offered
 * @param report name, and why it is offered or not
 */
record Path(PathCounters counters, @Nullable Link link, PathReport report) {
    Path refused(String reason) {
        return new Path(counters, null, new PathReport(report.path(), false, reason));
    }
}
