// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Operation;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Two ranks whose segments are as new; segments go round, because a file for each try would be slow. */
final class TwoRanks {
    /** More than jcstress keeps at a time, so that no two tries share segments. */
    private static final int SLOTS = 400;

    private static final int WINDOW_BYTES = 128;
    private static final RankSegment[][] SEGMENTS = new RankSegment[SLOTS][2];
    private static final AtomicInteger TAKEN = new AtomicInteger();

    private final StepExchange[] exchanges = new StepExchange[2];
    private final RankSegment[] segments;

    TwoRanks() {
        int slot = TAKEN.getAndIncrement() % SLOTS;
        segments = SEGMENTS[slot];
        for (int rank = 0; rank < 2; rank++) {
            if (segments[rank] == null) {
                segments[rank] = create(rank);
            }
            ByteBuffer bytes = segments[rank].borrowRegion().slice(0, (int) SegmentLayout.sizeBytes(WINDOW_BYTES, 2));
            for (int at = SegmentLayout.PHASE_AT; at + Long.BYTES <= bytes.capacity(); at += Long.BYTES) {
                bytes.putLong(at, 0);
            }
        }
        for (int rank = 0; rank < 2; rank++) {
            exchanges[rank] = new StepExchange(
                    new Membership("stress", 1, rank, 2),
                    List.of(segments),
                    List.of("host-0:1", "host-1:2"),
                    Duration.ofSeconds(60));
        }
    }

    private static RankSegment create(int rank) {
        try {
            return RankSegment.create(Path.of("/dev/shm"), new Membership("stress", 1, rank, 2), WINDOW_BYTES);
        } catch (CollectiveException e) {
            throw new IllegalStateException(e);
        }
    }

    StepExchange exchange(int rank) {
        return exchanges[rank];
    }

    RankSegment segment(int rank) {
        return segments[rank];
    }

    /** Begins a call and takes a step; says how that ended. */
    String step(int rank, Operation operation) {
        try {
            exchanges[rank].begin(operation, null, null, -1, 0, 0);
            exchanges[rank].step();
            return "stepped";
        } catch (CollectiveException e) {
            return e.code().name();
        }
    }
}
