// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.memory.PeerMapping;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;

/**
 * One peer's regions that one device has mapped, by their whole descriptor. A region's tag is read when it is mapped, so a handle that
 * leads to other memory by now, or to a mapping of an earlier region, is noticed.
 *
 * <p>Threading: the lane's lock.
 */
final class PeerRegions {
    private final DeviceLane lane;
    private final Map<RegionDescriptor, PeerRegion> known = new HashMap<>();

    PeerRegions(DeviceLane lane) {
        this.lane = lane;
    }

    DeviceLane lane() {
        return lane;
    }

    int size() {
        return known.size();
    }

    /**
     * Returns a region, counted once for the caller.
     *
     * @throws IOException with the reason where it cannot be mapped, or is not what is described
     */
    PeerRegion acquire(RegionDescriptor descriptor) throws IOException {
        PeerRegion region = known.get(descriptor);
        if (region == null) {
            region = open(descriptor);
            known.put(descriptor, region);
        }
        region.retain();
        return region;
    }

    private PeerRegion open(RegionDescriptor descriptor) throws IOException {
        if (descriptor.location().kind() == Location.Kind.HOST) {
            HostRegion host = Regions.importFrom(descriptor);
            if (!host.isAddressable()) {
                host.release();
                throw new IOException("it is in a file, and devices reach memory only");
            }
            return PeerRegion.ofHost(descriptor, host);
        }
        RegionPath path = RegionPath.parse(descriptor.path());
        if (path == null || descriptor.sizeBytes() <= 0 || RegionTag.offset(descriptor.sizeBytes()) > path.bytes()) {
            throw new IOException("its path=" + descriptor.path() + " is none of device memory of that size");
        }
        String refusal = "";
        for (int attempt = 0; attempt < 2; attempt++) {
            PeerMapping mapping;
            try {
                mapping = path.open(lane.device());
            } catch (GpuException | IllegalArgumentException e) {
                throw failed(e);
            }
            PeerRegion region = PeerRegion.ofDevice(descriptor, mapping);
            boolean live = false;
            try {
                refusal = refusal(region);
                live = refusal.isEmpty();
            } finally {
                if (!live) {
                    region.release();
                }
            }
            if (live) {
                return region;
            }
            // A handle can be that of an earlier region, which is still mapped here: without those there is no such
            // mapping.
            trim();
        }
        throw new IOException(refusal);
    }

    private static IOException failed(RuntimeException e) throws IOException {
        if (e instanceof GpuException gpu && gpu.code() == GpuException.Code.DEVICE_LOST) {
            throw gpu;
        }
        return new IOException(e.getMessage(), e);
    }

    /** Reads a region's tag; returns why it is not live, empty where it is. */
    String refusal(PeerRegion region) {
        return region.host() != null
                ? region.hostRefusal()
                : RegionTag.refusal(lane.read(region.tagAddress(), RegionTag.BYTES), 0, region.descriptor());
    }

    /** Forgets a region that was found not to be live. */
    void drop(PeerRegion region) {
        if (known.remove(region.descriptor(), region)) {
            region.release();
        }
    }

    /** Forgets what its owner has unregistered. */
    void trim() {
        for (Iterator<PeerRegion> each = known.values().iterator(); each.hasNext(); ) {
            PeerRegion region = each.next();
            if (!refusal(region).isEmpty()) {
                each.remove();
                region.release();
            }
        }
    }

    /** Forgets all. */
    void clear() {
        known.values().forEach(PeerRegion::release);
        known.clear();
    }
}
