// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferOutcome;
import java.util.concurrent.atomic.LongAdder;

/** Counts what goes over one path. Threading: safe from any thread. */
final class PathCounters {
    private final String path;
    private final LongAdder bytesRead = new LongAdder();
    private final LongAdder bytesWritten = new LongAdder();
    private final LongAdder batches = new LongAdder();
    private final LongAdder regionsMapped = new LongAdder();

    PathCounters(String path) {
        this.path = path;
    }

    void batchEnded(TransferBatch batch) {
        long bytes = 0;
        for (int i = 0; i < batch.count(); i++) {
            if (batch.outcome(i).status() == TransferOutcome.Status.COMPLETED) {
                bytes += batch.length(i);
            }
        }
        (batch.opcode() == Opcode.READ ? bytesRead : bytesWritten).add(bytes);
        batches.increment();
    }

    void regionMapped() {
        regionsMapped.increment();
    }

    PathTraffic snapshot(long refused) {
        return new PathTraffic(path, bytesRead.sum(), bytesWritten.sum(), batches.sum(), regionsMapped.sum(), refused);
    }
}
