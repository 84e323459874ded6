// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.CountedLocal;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.Peer.Submission;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.Link;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** The product's peer with a limit of {@value #LIMIT_BYTES} bytes in flight, over a link on which batches stay under way. */
final class LimitedPeer {
    static final int LIMIT_BYTES = 100;
    /** Size of a batch of which only one fits. */
    static final int BATCH_BYTES = 60;

    private static final TransferException LATE = new TransferException(Code.TIMED_OUT, "late");
    private static final PeerRecord RECORD = new PeerRecord("peer", 1, "127.0.0.1", 1, Map.of());
    private static final List<Path> PATHS =
            List.of(new Path(new PathCounters("idle"), new IdleLink(), new PathReport("idle", true, "")));
    private static final ControlChannel CONTROL = new NoControl();

    final ConnectedPeer peer = new ConnectedPeer(RECORD, CONTROL, PATHS, LIMIT_BYTES);

    static TransferBatch batch(long bytes) {
        TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofMinutes(1));
        batch.add(new CountedLocal(), 0, CountedLocal.REMOTE, 0, bytes);
        return batch;
    }

    static void end(TransferBatch batch) {
        batch.failUnfinished(LATE);
    }

    /** Tells whether exactly nothing is in flight: the limit fits, and not one byte more. */
    boolean isIdle() {
        return peer.submit(batch(LIMIT_BYTES)) == Submission.ACCEPTED && peer.submit(batch(1)) == Submission.BUSY;
    }

    private static final class IdleLink implements Link {
        @Override
        public boolean reaches(Location local, RegionDescriptor remote) {
            return true;
        }

        @Override
        public void submit(TransferBatch batch) {}

        @Override
        public Optional<HostRegion> map(RegionDescriptor region) {
            return Optional.empty();
        }

        @Override
        public CompletableFuture<String> lost() {
            return new CompletableFuture<>();
        }

        @Override
        public void close() {}
    }

    private static final class NoControl implements ControlChannel {
        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            return new CompletableFuture<>();
        }

        @Override
        public CompletableFuture<String> lost() {
            return new CompletableFuture<>();
        }

        @Override
        public void close() {}
    }
}
