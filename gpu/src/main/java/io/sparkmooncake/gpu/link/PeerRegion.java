// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.memory.PeerMapping;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import org.jspecify.annotations.Nullable;

/**
 * A peer's region where this process reaches it: mapped on a device, or on the host. Counted once for the cache and once for each slice
 * that uses it. Threading: its lane's lock.
 */
final class PeerRegion {
    private final RegionDescriptor descriptor;
    private final @Nullable PeerMapping mapping;
    private final @Nullable HostRegion host;
    private int users = 1;

    private PeerRegion(RegionDescriptor descriptor, @Nullable PeerMapping mapping, @Nullable HostRegion host) {
        this.descriptor = descriptor;
        this.mapping = mapping;
        this.host = host;
    }

    static PeerRegion ofDevice(RegionDescriptor descriptor, PeerMapping mapping) {
        return new PeerRegion(descriptor, mapping, null);
    }

    static PeerRegion ofHost(RegionDescriptor descriptor, HostRegion host) {
        return new PeerRegion(descriptor, null, host);
    }

    RegionDescriptor descriptor() {
        return descriptor;
    }

    /** Returns where its first byte is for the lane's device; 0 for memory of the host. */
    long address() {
        return mapping == null ? 0 : mapping.address();
    }

    /** Returns where its tag is. */
    long tagAddress() {
        return address() + RegionTag.offset(descriptor.sizeBytes());
    }

    /** Returns the region on the host; null for device memory. */
    @Nullable
    HostRegion host() {
        return host;
    }

    /** Returns why the host's region is not to be used any more; empty where it is, and for device memory. */
    String hostRefusal() {
        return host != null && Regions.isRevoked(host) ? "its owner unregistered it" : "";
    }

    void retain() {
        users++;
    }

    void release() {
        if (--users == 0) {
            if (mapping != null) {
                mapping.close();
            }
            if (host != null) {
                host.release();
            }
        }
    }
}
