// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One batch on its way: copies request after request on the calling thread. Consecutive requests for one region share one
 * look-up and one count. Cancellation, deadline and close are looked at every {@value #STEP_BYTES} bytes or
 * {@value #STEP_REQUESTS} requests.
 *
 * <p>A READ looks at the owner's header again after its copy, so bytes that the owner wrote after {@code unregister} returned
 * are never delivered. A WRITE cannot be recalled: owners reuse memory only when its leases ended.
 */
final class BatchCopy {
    private static final long STEP_BYTES = 1 << 26;
    private static final long STEP_REQUESTS = 1 << 10;
    private static final long REQUEST_WEIGHT = STEP_BYTES / STEP_REQUESTS;

    private final ShmLink link;
    private final TransferBatch batch;
    private long credit;
    private @Nullable RegionDescriptor current;
    private @Nullable HostRegion mapped;

    BatchCopy(ShmLink link, TransferBatch batch) {
        this.link = link;
        this.batch = batch;
    }

    /** Returns when every request is terminal. */
    void run() {
        try {
            for (int i = 0; i < batch.count(); i++) {
                TransferException end = copy(i);
                if (end != null) {
                    batch.failUnfinished(end);
                    return;
                }
            }
        } finally {
            leave();
            batch.failUnfinished(new TransferException(
                    Code.UNREACHABLE,
                    "a defect ended the shm copy from peer " + link.peer().describe()));
        }
    }

    /** Makes one request terminal; returns why the whole batch ends here, or null. */
    private @Nullable TransferException copy(int index) {
        TransferException end = spend(REQUEST_WEIGHT);
        if (end != null) {
            return end;
        }
        if (batch.length(index) == 0) {
            batch.complete(index);
            return null;
        }
        if (!(batch.local(index) instanceof HostRegion local)) {
            batch.fail(
                    index,
                    0,
                    new TransferException(
                            Code.UNREACHABLE,
                            describe(index) + ": shm does not reach local memory at "
                                    + batch.local(index).location()));
            return null;
        }
        HostRegion remote;
        try {
            remote = enter(batch.remote(index));
        } catch (IOException e) {
            refuse(index, e.toString(), e);
            return null;
        }
        if (!local.isAddressable() || (!remote.isAddressable() && batch.opcode() == Opcode.WRITE)) {
            refuse(index, "a file is read into memory, and nothing else", null);
            return null;
        }
        long offset = batch.remoteOffset(index);
        if (offset < 0 || offset > remote.sizeBytes() - batch.length(index)) {
            refuse(index, "out of bounds, limit=" + remote.sizeBytes(), null);
            return null;
        }
        if (Regions.isRevoked(remote)) {
            refuse(index, "its owner unregistered it", null);
            return null;
        }
        return copy(index, local, remote);
    }

    private @Nullable TransferException copy(int index, HostRegion local, HostRegion remote) {
        long length = batch.length(index);
        long localOffset = batch.localOffset(index);
        long remoteOffset = batch.remoteOffset(index);
        boolean read = batch.opcode() == Opcode.READ;
        VarHandle.releaseFence(); // the requests of a WRITE land in their order
        for (long done = 0; done < length; ) {
            long step = Math.min(STEP_BYTES, length - done);
            TransferException end = spend(step);
            if (end != null) {
                batch.fail(index, done, end);
                return end;
            }
            try {
                if (read) {
                    read(remote, remoteOffset + done, local, localOffset + done, step);
                } else {
                    Regions.copy(local, localOffset + done, remote, remoteOffset + done, step);
                }
            } catch (InternalError fault) {
                batch.fail(index, done, pageMissing(index, fault));
                return null;
            } catch (IOException e) {
                refuse(index, e.toString(), e);
                return null;
            }
            done += step;
        }
        if (read && Regions.isRevoked(remote)) {
            refuse(index, "its owner unregistered it during the copy", null);
        } else {
            batch.complete(index);
        }
        return null;
    }

    private static void read(HostRegion remote, long remoteOffset, HostRegion local, long localOffset, long length)
            throws IOException {
        if (remote.isAddressable()) {
            Regions.copy(remote, remoteOffset, local, localOffset, length);
        } else {
            remote.readFully(remoteOffset, local.slice(localOffset, (int) length));
        }
    }

    /** Returns the mapping of a region, counted until another region is entered. */
    private HostRegion enter(RegionDescriptor remote) throws IOException {
        HostRegion region = mapped;
        if (region != null && remote.equals(current)) {
            return region;
        }
        leave();
        if (!link.reaches(Location.ANY, remote)) {
            throw new IOException("shm maps host memory that has a path, this is at " + remote.location());
        }
        region = link.acquire(remote);
        current = remote;
        mapped = region;
        return region;
    }

    private void leave() {
        HostRegion region = mapped;
        if (region != null) {
            mapped = null;
            current = null;
            region.release();
        }
    }

    private void refuse(int index, String reason, @Nullable Exception cause) {
        batch.fail(index, 0, link.refused(describe(index) + " refused: " + reason, cause));
    }

    /** The JVM turns the signal of a page that the file system cannot provide into an error. */
    private TransferException pageMissing(int index, InternalError fault) {
        return new TransferException(
                Code.UNREACHABLE,
                describe(index) + " touched a page that could not be provided: the file system of the region, or of the"
                        + " local one, is full",
                fault);
    }

    /** Looks once in a while whether the batch has to end, and says why. */
    private @Nullable TransferException spend(long weight) {
        credit -= weight;
        if (credit > 0) {
            return null;
        }
        credit = STEP_BYTES;
        if (link.isClosed()) {
            return link.closedException();
        }
        if (batch.cancellation().isDone()) {
            return new TransferException(
                    Code.CANCELLED,
                    batch.opcode() + " batch at peer " + link.peer().describe() + " was cancelled");
        }
        return null;
    }

    private String describe(int index) {
        return batch.opcode() + " offset=" + batch.remoteOffset(index) + " length=" + batch.length(index) + " of "
                + link.describe(batch.remote(index));
    }
}
