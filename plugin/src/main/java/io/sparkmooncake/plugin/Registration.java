// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;

/** Registers the regions of a pool with the engine for as long as the pool has them. */
final class Registration implements RegionListener {
    private final TransferEngine engine;

    Registration(TransferEngine engine) {
        this.engine = engine;
    }

    @Override
    public void created(HostRegion region) {
        engine.register(region);
    }

    @Override
    public void retiring(HostRegion region) {
        engine.unregister(region);
    }
}
