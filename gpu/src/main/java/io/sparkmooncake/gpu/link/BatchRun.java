// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One batch on its way, slice by slice: at most two slices are queued, and between them deadline, cancellation and link are looked at,
 * since nothing takes back a copy that is queued. A READ is good when the tag behind its region, read after it, says that the region is
 * live; before a WRITE the tag is read, and requests land in their order, in one stream.
 *
 * <p>Threading: its lane's lock.
 */
final class BatchRun {
    private static final int FLYING = 2;

    /** For fewer requests a launch with its table takes longer than a copy each. */
    private static final int FEW = 4;

    /** Copies that take longer than this after the batch's deadline never end. */
    private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final MappedLink link;
    private final PeerRegions regions;
    private final DeviceLane lane;
    private final TransferBatch batch;
    private final ArrayDeque<Slice> flying = new ArrayDeque<>();
    private @Nullable TransferException end;
    private int gate;
    private int next;
    private long nextDone;
    private @Nullable PeerRegion current;

    BatchRun(MappedLink link, PeerRegions regions, TransferBatch batch) {
        this.link = link;
        this.regions = regions;
        this.lane = regions.lane();
        this.batch = batch;
    }

    /**
     * Goes on as far as it can without waiting.
     *
     * @param after gets what is to run when the lane's lock is given back, in this order
     * @return whether the batch is over
     */
    boolean advance(List<Runnable> after) {
        try {
            if (lane.lost() == null) {
                land(after);
                if (end == null) {
                    end = reasonToEnd();
                }
                while (canFly() && isReady() && fly(after)) {
                    land(after);
                }
            }
        } catch (GpuException e) {
            fail(e);
        } catch (RuntimeException e) {
            end = new TransferException(Code.UNREACHABLE, describe() + " failed by a defect: " + e, e);
        }
        String lost = lane.lost();
        if (lost != null) {
            TransferException reason =
                    new TransferException(Code.UNREACHABLE, describe() + ": the device does nothing any more: " + lost);
            after.add(() -> batch.failUnfinished(reason));
            link.end(Code.UNREACHABLE, lane.device() + " does nothing any more: " + lost);
            return true;
        }
        if (!flying.isEmpty() || (end == null && next < batch.count())) {
            return false;
        }
        forgetCurrent();
        TransferException reason = end;
        if (reason != null) {
            after.add(() -> batch.failUnfinished(reason));
        }
        return true;
    }

    private boolean canFly() {
        return end == null && lane.lost() == null && flying.size() < FLYING && next < batch.count();
    }

    private void fail(GpuException e) {
        if (e.code() == GpuException.Code.DEVICE_LOST) {
            lane.lose(e.getMessage());
        } else {
            end = new TransferException(Code.UNREACHABLE, describe() + ": " + e.getMessage(), e);
        }
    }

    private String describe() {
        return link.name() + " " + batch.opcode() + " batch of requests=" + batch.count() + " bytes="
                + batch.totalBytes() + " at peer " + link.peer().describe();
    }

    /** Says once in a while why the batch has to end. */
    private @Nullable TransferException reasonToEnd() {
        TransferException over = link.end();
        if (over != null) {
            return over;
        }
        if (batch.cancellation().isDone()) {
            return new TransferException(Code.CANCELLED, describe() + " was cancelled");
        }
        return System.nanoTime() - batch.deadlineNanos() >= 0
                ? new TransferException(Code.TIMED_OUT, describe() + " exceeded timeout=" + batch.timeout())
                : null;
    }

    /** Tells that what the callers' streams do to local memory is done. */
    private boolean isReady() {
        while (gate < batch.count()) {
            if (batch.local(gate) instanceof DeviceMemory memory && !memory.isReady()) {
                return false;
            }
            gate++;
        }
        return true;
    }

    private void land(List<Runnable> after) {
        while (!flying.isEmpty()) {
            Slice slice = flying.getFirst();
            boolean done;
            try {
                done = slice.isDone();
            } catch (GpuException e) {
                // Whatever it is, nobody can say any more when the copies are done.
                lane.lose(e.getMessage());
                return;
            }
            if (!done) {
                if (System.nanoTime() - batch.deadlineNanos() > STUCK_NANOS) {
                    lane.lose("copies did not end within " + TimeUnit.NANOSECONDS.toSeconds(STUCK_NANOS)
                            + " s after their deadline");
                }
                return;
            }
            flying.removeFirst();
            slice.finish();
            Map<RegionDescriptor, TransferException> refused = new HashMap<>();
            slice.refusals().forEach((region, why) -> {
                refused.put(region.descriptor(), refusal(region.descriptor(), why, null));
                regions.drop(region);
            });
            slice.release();
            int first = slice.first;
            int last = slice.last;
            after.add(() -> complete(first, last, refused));
        }
    }

    private void complete(int first, int last, Map<RegionDescriptor, TransferException> refused) {
        for (int i = first; i < last; i++) {
            TransferException refusal = refused.isEmpty() ? null : refused.get(batch.remote(i));
            if (refusal == null) {
                batch.complete(i);
            } else {
                batch.fail(i, 0, refusal);
            }
        }
    }

    /** Queues one slice; false where there is no room for one. */
    private boolean fly(List<Runnable> after) {
        SliceRoom room = lane.room();
        if (room == null) {
            return false;
        }
        Slice.Order order = batch.count() < FEW ? Slice.Order.FREE : Slice.Order.GATHERED;
        Slice slice = new Slice(lane, room, batch.opcode() == Opcode.WRITE ? Slice.Order.KEPT : order, next);
        boolean launched = false;
        try {
            while (next < batch.count() && step(slice, after)) {
                slice.last = next;
            }
            slice.launch();
            launched = true;
        } finally {
            // What was queued before it failed is waited for, and completes nothing.
            if (!launched) {
                slice.abandon();
            }
            flying.addLast(slice);
        }
        return true;
    }

    /** Queues one request, or what fits of it; false where the slice is full. */
    private boolean step(Slice slice, List<Runnable> after) {
        int index = next;
        long length = batch.length(index);
        RegionDescriptor described = batch.remote(index);
        if (length == 0) {
            next++;
            return true;
        }
        PeerRegion remote;
        try {
            remote = remote(described);
            if (!slice.takes(remote)) {
                return false;
            }
            String refusal = slice.touch(remote) && batch.opcode() == Opcode.WRITE ? regions.refusal(remote) : "";
            if (!refusal.isEmpty()) {
                regions.drop(remote);
                forgetCurrent();
                throw new IOException(refusal);
            }
            long offset = batch.remoteOffset(index);
            if (offset < 0 || offset > described.sizeBytes() - length) {
                throw new IOException("out of bounds, limit=" + described.sizeBytes());
            }
        } catch (IOException e) {
            TransferException refused = refusal(described, e.getMessage(), e);
            after.add(() -> batch.fail(index, 0, refused));
            next++;
            return true;
        }
        Slice.Side here = here(index);
        if (here == null) {
            after.add(() -> batch.fail(index, 0, unreachable(index)));
            next++;
            return true;
        }
        Slice.Side there =
                new Slice.Side(remote.address() + batch.remoteOffset(index), remote.host(), batch.remoteOffset(index));
        return queue(slice, here, there, length);
    }

    private boolean queue(Slice slice, Slice.Side here, Slice.Side there, long length) {
        boolean read = batch.opcode() == Opcode.READ;
        Slice.Side source = (read ? there : here).plus(nextDone);
        Slice.Side target = (read ? here : there).plus(nextDone);
        long piece = slice.room(length - nextDone, source, target);
        if (piece == 0) {
            return false;
        }
        slice.copy(source, target, piece);
        nextDone += piece;
        if (nextDone < length) {
            return false;
        }
        nextDone = 0;
        next++;
        return true;
    }

    /** Returns the local end of a request; null where the lane's device does not reach it. */
    private Slice.@Nullable Side here(int index) {
        long offset = batch.localOffset(index);
        if (batch.local(index) instanceof DeviceMemory memory) {
            boolean same = memory.location().index() == lane.device().identity().ordinal();
            return same ? new Slice.Side(memory.address() + offset, null, 0) : null;
        }
        boolean deviceThere = current != null && current.host() == null;
        return batch.local(index) instanceof HostRegion host && deviceThere ? new Slice.Side(0, host, offset) : null;
    }

    private TransferException unreachable(int index) {
        return new TransferException(
                Code.UNREACHABLE,
                describe() + ": request=" + index + " is between "
                        + batch.local(index).location() + " here and "
                        + batch.remote(index).location() + " there, and the batch is on " + lane.device()
                        + ": one batch is of one device");
    }

    private PeerRegion remote(RegionDescriptor described) throws IOException {
        PeerRegion region = current;
        if (region != null && region.descriptor().equals(described)) {
            return region;
        }
        if (!link.reaches(lane.device().identity().location(), described)) {
            throw new IOException(
                    link.name() + " does not map memory at " + described.location() + " with path=" + described.path());
        }
        region = regions.acquire(described);
        forgetCurrent();
        current = region;
        return region;
    }

    private void forgetCurrent() {
        if (current != null) {
            current.release();
            current = null;
        }
    }

    private TransferException refusal(RegionDescriptor described, @Nullable String why, @Nullable Exception cause) {
        return link.refused(
                link.name() + " " + batch.opcode() + " of " + link.describe(described) + " refused: " + why, cause);
    }
}
