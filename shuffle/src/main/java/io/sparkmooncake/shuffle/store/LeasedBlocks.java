// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.List;

/**
 * The answer to a look-up: blocks that stay readable until the lease ends by release, by the holder's death or by its
 * deadline without renewal.
 *
 * @param leaseId names the lease in release and renewal
 * @param regions where the rows point
 * @param table the blocks
 */
public record LeasedBlocks<R>(long leaseId, List<R> regions, BlockTable table) {
    /** Copies the regions. */
    public LeasedBlocks {
        regions = List.copyOf(regions);
    }

    /** Turns the owner's regions into what a peer needs to reach them. */
    static LeasedBlocks<RegionDescriptor> described(LeasedBlocks<HostRegion> local) {
        return new LeasedBlocks<>(
                local.leaseId(),
                local.regions().stream().map(HostRegion::descriptor).toList(),
                local.table());
    }
}
