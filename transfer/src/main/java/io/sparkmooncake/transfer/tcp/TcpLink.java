// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Link;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;

/**
 * The link of {@link TcpTransport}: one data connection.
 *
 * <p>Threading: safe from any thread. Batches complete on the connection's event loop: what depends on their completion must
 * not block there.
 */
final class TcpLink implements Link {
    private final Wire wire;
    private final LinkConnection connection;

    TcpLink(Wire wire, LinkConnection connection) {
        this.wire = wire;
        this.connection = connection;
    }

    @Override
    public boolean reaches(Location local, RegionDescriptor remote) {
        return local.kind() == Location.Kind.HOST && remote.location().kind() == Location.Kind.HOST;
    }

    @Override
    public void submit(TransferBatch batch) {
        try {
            wire.loop().execute(() -> wire.run(() -> connection.submit(batch)));
        } catch (RejectedExecutionException e) {
            batch.failUnfinished(
                    new TransferException(Code.CLOSED, "the tcp transport to peer " + wire.peer() + " is closed", e));
            return;
        }
        var unused = batch.cancellation().thenRun(() -> cancel(batch));
    }

    private void cancel(TransferBatch batch) {
        try {
            wire.loop().execute(() -> wire.run(() -> connection.cancel(batch)));
        } catch (RejectedExecutionException e) {
            wire.end(Code.CLOSED, "the tcp transport to peer " + wire.peer() + " is closed");
        }
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) {
        return Optional.empty();
    }

    @Override
    public boolean noticesEnd() {
        return true;
    }

    @Override
    public CompletableFuture<String> lost() {
        return wire.lost();
    }

    @Override
    public void close() {
        wire.end(Code.CLOSED, "the tcp link to peer " + wire.peer() + " was closed on this side");
    }
}
