// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import io.sparkmooncake.gpu.kernel.Kernels;
import io.sparkmooncake.gpu.memory.DevicePool;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Ranks that map each other's regions. Made in this order: all kernels loaded, regions mapped, a pattern written into every peer's
 * memory by a kernel and read back there; only then it is ready.
 *
 * <p>Threading: the rank's own thread, but for what says otherwise.
 */
final class DeviceGroup implements AutoCloseable {
    private static final int WARM_UP_WORDS = 512;
    private static final int PINNED_BYTES = 64 << 10;

    /** In the pinned memory: the report of kernels, a verdict to send, and the table of {@code fetchBlocks}. */
    private static final int REPORT_OFFSET = 0;

    private static final int VERDICT_OFFSET = 64;
    static final int TABLE_OFFSET = 4096;

    final Device device;
    final Membership self;
    final Communicator control;
    final DeviceFabric.Options options;
    final KernelModule kernels;
    final PinnedMemory pinned;
    final DeviceStream stream;
    final Slots slots = new Slots();
    final PeerMappings mappings;

    private final List<AutoCloseable> owned = new ArrayList<>();
    private final DeviceStream abortStream;
    private long bases;

    private DeviceGroup(Communicator control, DevicePool pool, DeviceFabric.Options options) {
        this.device = pool.device();
        this.control = control;
        this.self = control.membership();
        this.options = options;
        this.mappings = own(new PeerMappings(device, self.rank()));
        boolean made = false;
        try {
            this.kernels = own(Kernels.load(device));
            this.pinned = own(device.pin(PINNED_BYTES));
            this.stream = own(device.stream());
            this.abortStream = own(device.stream());
            made = true;
        } finally {
            if (!made) {
                closeParts();
            }
        }
    }

    /** Joins with the regions that the pool has by now; fails on all ranks alike. */
    static DeviceGroup join(Communicator control, DevicePool pool, DeviceFabric.Options options)
            throws CollectiveException {
        Membership self = control.membership();
        if (self.size() > CallLayout.MAX_RANKS) {
            throw new CollectiveException(
                    Code.REFUSED, "size=" + self.size() + " ranks of one NVLink domain, limit=" + CallLayout.MAX_RANKS);
        }
        DeviceGroup group = null;
        boolean ready = false;
        try {
            group = new DeviceGroup(control, pool, options);
            group.meet(pool);
            ready = true;
            return group;
        } catch (GpuException e) {
            control.abort(e.getMessage());
            throw new CollectiveException(Code.REFUSED, e.getMessage(), e);
        } finally {
            if (!ready && group != null) {
                group.close();
            }
        }
    }

    private <T extends AutoCloseable> T own(T part) {
        owned.add(part);
        return part;
    }

    private void meet(DevicePool pool) throws CollectiveException {
        DeviceRegion.Kind kind = options.kind();
        DeviceRegion controlRegion = own(DeviceRegion.allocate(device, kind, CallLayout.controlBytes(self.size())));
        DeviceRegion scratch = own(DeviceRegion.allocate(device, kind, options.scratchBytes()));
        DeviceRegion staging = own(DeviceRegion.allocate(device, kind, options.stagingBytes()));
        device.fill(controlRegion.address(), (byte) 0, controlRegion.sizeBytes(), stream);
        stream.synchronize(options.timeout());
        List<DeviceRegion> regions = new ArrayList<>(List.of(controlRegion, scratch, staging));
        regions.addAll(pool.regions());
        bases = device.plain().allocate((long) CallLayout.MAX_BASES * Long.BYTES);
        share(regions);
        warmUp();
    }

    /** Maps further regions of every rank. Every rank calls it. */
    void share(List<DeviceRegion> regions) throws CollectiveException {
        mappings.add(control, regions, options.timeout());
        slots.add(regions, mappings.slots());
        int size = self.size();
        if (mappings.slots() * size > CallLayout.MAX_BASES) {
            throw new CollectiveException(
                    Code.REFUSED,
                    "slots=" + mappings.slots() + " of shared regions for size=" + size + " ranks exceed limit="
                            + CallLayout.MAX_BASES + "; use fewer and larger regions");
        }
        ByteBuffer table =
                ByteBuffer.allocateDirect(mappings.slots() * size * Long.BYTES).order(ByteOrder.nativeOrder());
        for (int slot = 0; slot < mappings.slots(); slot++) {
            for (int rank = 0; rank < size; rank++) {
                table.putLong((slot * size + rank) * Long.BYTES, mappings.slot(slot)[rank]);
            }
        }
        device.write(bases, table);
        control.barrier();
    }

    /** Each rank writes into every peer's scratch region by a kernel; each reads back what was written into its own. */
    private void warmUp() throws CollectiveException {
        long[] at = new long[1];
        long[] seed = new long[1];
        KernelModule.Kernel kernel = kernels.kernel("warmUp", at, new long[] {WARM_UP_WORDS}, seed);
        for (int other = 0; other < self.size(); other++) {
            at[0] = mappings.slot(1)[other] + (long) self.rank() * WARM_UP_WORDS * Long.BYTES;
            seed[0] = seed(self.rank(), other);
            kernel.launch(1, 256, stream);
        }
        stream.synchronize(options.timeout());
        control.barrier();
        ByteBuffer seen = ByteBuffer.allocateDirect(self.size() * WARM_UP_WORDS * Long.BYTES)
                .order(ByteOrder.nativeOrder());
        device.read(seen, slots.region(1).address());
        StringBuilder wrong = new StringBuilder();
        for (int other = 0; other < self.size(); other++) {
            for (int i = 0; i < WARM_UP_WORDS; i++) {
                if (seen.getLong((other * WARM_UP_WORDS + i) * Long.BYTES) != seed(other, self.rank()) + i) {
                    wrong.append(" what rank ").append(other).append(" wrote is not there;");
                    break;
                }
            }
        }
        List<String> all = control.allGatherObjects(wrong.toString());
        if (all.stream().anyMatch(each -> !each.isEmpty())) {
            throw new CollectiveException(Code.REFUSED, "warm-up over mapped memory failed, by rank: " + all);
        }
    }

    private long seed(int from, int to) {
        return self.epoch() * 0x9e3779b97f4a7c15L + from * 0x100000001b3L + to;
    }

    /** Returns the most ranks that share a device. */
    int ranksOnOneDevice() {
        Map<String, Integer> counts = new TreeMap<>();
        mappings.offers().forEach(each -> counts.merge(each.deviceUuid(), 1, Integer::sum));
        return Collections.max(counts.values());
    }

    /** Writes what is the same in every launch. */
    void fillIn(long[] words) {
        words[CallLayout.RANK] = self.rank();
        words[CallLayout.SIZE] = self.size();
        words[CallLayout.LIMIT_NANOS] = options.timeout().toNanos();
        words[CallLayout.BASES] = bases;
        words[CallLayout.SLOTS] = mappings.slots();
        words[CallLayout.CONTROL] = slots.region(0).address();
        words[CallLayout.REPORT] = pinned.deviceAddress() + REPORT_OFFSET;
        words[CallLayout.LINE_WORDS] = CallLayout.LINES_PER_RANK;
        for (int other = 0; other < Math.min(self.size(), CallLayout.NEAR_RANKS); other++) {
            words[CallLayout.NEAR + other] = mappings.slot(0)[other];
        }
    }

    /** Returns the verdict that a kernel of this rank reported; 0 where there is none. From any thread. */
    long report() {
        return pinned.bytes().getLong(REPORT_OFFSET);
    }

    /** Ends the kernels of every rank, and all later ones. From any thread. */
    synchronized void raise(long sequence) {
        pinned.bytes().putLong(VERDICT_OFFSET, DeviceVerdict.aborted(self.rank(), sequence));
        for (long at : mappings.slot(0)) {
            device.upload(at, pinned, VERDICT_OFFSET, Long.BYTES, abortStream);
        }
        abortStream.synchronize(options.timeout());
    }

    /** Gives everything back; kernels of this rank have ended, and no rank uses its memory any more. */
    @Override
    public void close() {
        closeParts();
        try {
            device.plain().free(bases);
        } catch (GpuException lost) {
            return;
        }
    }

    private void closeParts() {
        for (int i = owned.size() - 1; i >= 0; i--) {
            try {
                owned.get(i).close();
            } catch (Exception e) {
                // A device that is lost gives nothing back, and the rest is still to be closed.
            }
        }
        owned.clear();
    }
}
