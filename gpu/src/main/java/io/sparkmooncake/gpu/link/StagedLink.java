// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.link.StagedFrame.Entry;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.Link;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Device memory through windows of the host: the owner copies to its window, a carrier brings that here, and it is copied to the local
 * memory; a WRITE goes the other way. Piece by piece, on the transport's thread.
 */
final class StagedLink implements Link {
    private final StagedTransport transport;
    private final PeerRecord peer;
    private final ControlChannel control;
    private final Link carrier;
    private final String carrierName;
    private final RegionDescriptor window;
    private final CompletableFuture<String> lost = new CompletableFuture<>();
    private volatile String proof = "";

    /** One piece of a request, at a place of the window. */
    private record Piece(int index, long at, long offset, int length) {}

    StagedLink(
            StagedTransport transport,
            PeerRecord peer,
            ControlChannel control,
            Link carrier,
            String carrierName,
            RegionDescriptor window) {
        this.transport = transport;
        this.peer = peer;
        this.control = control;
        this.carrier = carrier;
        this.carrierName = carrierName;
        this.window = window;
        var unused = control.lost().thenAccept(this::end);
        var unusedToo = carrier.lost().thenAccept(this::end);
    }

    @Override
    public boolean reaches(Location local, RegionDescriptor remote) {
        boolean here = local.kind() == Location.Kind.CUDA;
        boolean there = remote.location().kind() == Location.Kind.CUDA;
        return (here || there) && (!here || transport.hasDevice(local.index()));
    }

    @Override
    public void submit(TransferBatch batch) {
        CompletableFuture<Void> queued = new CompletableFuture<Void>()
                .orTimeout(Math.max(0, batch.deadlineNanos() - System.nanoTime()), TimeUnit.NANOSECONDS);
        var unused = queued.exceptionallyAsync(late -> {
            batch.failUnfinished(new TransferException(
                    Code.TIMED_OUT,
                    describe(batch) + " exceeded timeout=" + batch.timeout() + " before its turn came",
                    late));
            return null;
        });
        try {
            transport.executor().execute(() -> {
                // Once it has begun, it looks at its deadline between pieces.
                if (queued.complete(null)) {
                    run(batch);
                }
            });
        } catch (RejectedExecutionException e) {
            queued.complete(null);
            batch.failUnfinished(closed());
        }
    }

    private void run(TransferBatch batch) {
        HostRegion staging = transport.staging();
        if (!staging.tryRetain()) {
            batch.failUnfinished(closed());
            return;
        }
        try {
            moveAll(batch);
        } finally {
            staging.release();
        }
    }

    private TransferException closed() {
        return new TransferException(Code.CLOSED, "staged link to peer " + peer.describe() + " is closed");
    }

    private void moveAll(TransferBatch batch) {
        try {
            int next = 0;
            long done = 0;
            while (next < batch.count()) {
                List<Piece> pieces = new ArrayList<>();
                long at = 0;
                while (next < batch.count() && at < Stage.BYTES && pieces.size() < StagedFrame.MAX_ENTRIES) {
                    int length = (int) Math.min(batch.length(next) - done, Stage.BYTES - at);
                    if (length > 0) {
                        pieces.add(new Piece(next, at, done, length));
                    }
                    at += length;
                    done += length;
                    if (done == batch.length(next)) {
                        done = 0;
                        next++;
                    }
                }
                moveAll(batch, pieces);
                for (int i = pieces.isEmpty() ? 0 : pieces.get(0).index(); i < next; i++) {
                    batch.complete(i);
                }
            }
            for (int i = 0; i < batch.count(); i++) {
                batch.complete(i);
            }
        } catch (TransferException e) {
            batch.failUnfinished(e);
        } catch (GpuException e) {
            batch.failUnfinished(new TransferException(Code.UNREACHABLE, describe(batch) + ": " + e.getMessage(), e));
        } catch (RuntimeException e) {
            batch.failUnfinished(new TransferException(Code.UNREACHABLE, describe(batch) + ": a defect: " + e, e));
        }
    }

    private String describe(TransferBatch batch) {
        return "staged " + batch.opcode() + " over " + carrierName + " at peer " + peer.describe();
    }

    /** Moves pieces together; where one of them is refused, each alone, so that it fails alone. */
    private void moveAll(TransferBatch batch, List<Piece> pieces) throws TransferException {
        try {
            move(batch, pieces);
        } catch (TransferException e) {
            if (e.code() != Code.REFUSED) {
                throw e;
            }
            for (Piece each : pieces) {
                try {
                    move(batch, List.of(new Piece(each.index(), 0, each.offset(), each.length())));
                } catch (TransferException refused) {
                    if (refused.code() != Code.REFUSED) {
                        throw refused;
                    }
                    batch.fail(each.index(), 0, refused);
                }
            }
        }
    }

    /** Moves pieces of a batch through the window; devices and hosts may be mixed on either side. */
    private void move(TransferBatch batch, List<Piece> pieces) throws TransferException {
        Duration left = left(batch);
        HostRegion staging = transport.staging();
        List<Entry> entries = new ArrayList<>();
        for (Piece each : pieces) {
            RegionDescriptor remote = batch.remote(each.index());
            if (remote.location().kind() == Location.Kind.CUDA) {
                entries.add(new Entry(
                        remote.id(), remote.key(), batch.remoteOffset(each.index()) + each.offset(), each.length()));
            }
        }
        if (!entries.isEmpty() && entries.size() != pieces.size()) {
            throw new TransferException(
                    Code.UNREACHABLE, describe(batch) + ": one batch is of device memory there, or of none");
        }
        boolean devices = !entries.isEmpty();
        if (batch.opcode() == Opcode.READ) {
            if (devices) {
                ask(StagedFrame.encode(StagedFrame.FETCH, entries), left);
            }
            carry(batch, pieces, devices, staging);
            local(batch, pieces, staging);
        } else {
            local(batch, pieces, staging);
            carry(batch, pieces, devices, staging);
            if (devices) {
                ask(StagedFrame.encode(StagedFrame.STORE, entries), left);
            }
        }
    }

    /** Brings pieces from or to the other side's host memory. */
    private void carry(TransferBatch batch, List<Piece> pieces, boolean devices, HostRegion staging)
            throws TransferException {
        TransferBatch carried = new TransferBatch(batch.opcode(), left(batch));
        if (devices && !pieces.isEmpty()) {
            Piece last = pieces.get(pieces.size() - 1);
            carried.add(staging, 0, window, 0, last.at() + last.length());
        } else {
            for (Piece each : pieces) {
                long offset = batch.remoteOffset(each.index()) + each.offset();
                carried.add(staging, each.at(), batch.remote(each.index()), offset, each.length());
            }
        }
        carried.begin();
        carrier.submit(carried);
        await(carried.completion(), carried.timeout());
        Optional<TransferException> failure = carried.firstFailure();
        if (failure.isPresent()) {
            throw failure.get();
        }
    }

    /** Copies pieces between the staging region and the local memory, those of one device after the other together. */
    private void local(TransferBatch batch, List<Piece> pieces, HostRegion staging) throws TransferException {
        int next = 0;
        while (next < pieces.size()) {
            MemoryRegion memory = batch.local(pieces.get(next).index());
            if (memory instanceof HostRegion host) {
                onHost(batch, pieces.get(next++), host, staging);
                continue;
            }
            Stage stage = transport.stage(memory.location().index());
            List<Stage.Span> spans = new ArrayList<>();
            while (next < pieces.size()
                    && batch.local(pieces.get(next).index()) instanceof DeviceMemory device
                    && device.location().equals(memory.location())) {
                Piece piece = pieces.get(next++);
                awaitReady(batch, device);
                long address = device.address() + batch.localOffset(piece.index()) + piece.offset();
                spans.add(new Stage.Span(address, piece.at(), piece.length()));
            }
            if (spans.isEmpty()) {
                throw new TransferException(
                        Code.UNREACHABLE, describe(batch) + ": does not reach local memory at " + memory.location());
            }
            if (batch.opcode() == Opcode.READ) {
                stage.upload(spans, staging);
            } else {
                stage.download(spans, staging);
            }
        }
    }

    private static void onHost(TransferBatch batch, Piece piece, HostRegion host, HostRegion staging) {
        ByteBuffer here = host.slice(batch.localOffset(piece.index()) + piece.offset(), piece.length());
        ByteBuffer there = staging.slice(piece.at(), piece.length());
        if (batch.opcode() == Opcode.READ) {
            here.put(there);
        } else {
            there.put(here);
        }
    }

    private void awaitReady(TransferBatch batch, DeviceMemory memory) throws TransferException {
        while (!memory.isReady()) {
            left(batch);
            java.util.concurrent.locks.LockSupport.parkNanos(20_000);
        }
    }

    /** Returns the time that a batch has left; fails where it has to end. */
    private Duration left(TransferBatch batch) throws TransferException {
        if (lost.isDone()) {
            throw new TransferException(
                    Code.CLOSED, "staged link to peer " + peer.describe() + " ended: " + lost.getNow("?"));
        }
        if (batch.cancellation().isDone()) {
            throw new TransferException(Code.CANCELLED, describe(batch) + " was cancelled");
        }
        long nanos = batch.deadlineNanos() - System.nanoTime();
        if (nanos <= 0) {
            throw new TransferException(Code.TIMED_OUT, describe(batch) + " exceeded timeout=" + batch.timeout());
        }
        return Duration.ofNanos(nanos);
    }

    private void ask(ByteBuffer request, Duration timeout) throws TransferException {
        int moved = StagedFrame.moved(await(control.ask(StagedService.NAME, request, timeout), timeout));
        if (moved == StagedFrame.NO_WINDOW) {
            String reason = "peer " + peer.describe()
                    + " gave up this link's window, as it does for newer peers and when it closes: link to it again";
            end(reason);
            throw new TransferException(Code.UNREACHABLE, "staged link ended: " + reason);
        }
    }

    private <T> T await(CompletableFuture<T> future, Duration timeout) throws TransferException {
        return await(future, timeout, "peer " + peer.describe());
    }

    /** Waits for an answer that comes by its own deadline. */
    static <T> T await(CompletableFuture<T> future, Duration timeout, String of) throws TransferException {
        try {
            return future.get(timeout.toMillis() + 30_000, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TransferException(Code.CLOSED, "staging with " + of + " was interrupted", e);
        } catch (TimeoutException e) {
            throw new TransferException(Code.TIMED_OUT, of + " did not answer within " + timeout, e);
        } catch (ExecutionException e) {
            @Nullable Throwable cause = e.getCause();
            throw cause instanceof TransferException known
                    ? new TransferException(known.code(), of + ": " + known.getMessage(), known)
                    : new TransferException(Code.UNREACHABLE, of + ": " + cause, e);
        }
    }

    @Override
    public Optional<String> proof() {
        return Optional.of(proof);
    }

    void proved(String how) {
        proof = how;
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) {
        return Optional.empty();
    }

    @Override
    public CompletableFuture<String> lost() {
        return lost;
    }

    private void end(String reason) {
        if (!lost.isDone()) {
            transport.forget(this);
            carrier.close();
            control.close();
            lost.complete(reason);
        }
    }

    @Override
    public void close() {
        end("the staged link to peer " + peer.describe() + " was closed by this process");
    }
}
