// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

/** Hears of the regions of a pool, to register them with an engine. Called under no lock that a transfer needs. */
public interface RegionListener {
    /** A listener that does nothing. */
    RegionListener NONE = new RegionListener() {
        @Override
        public void created(HostRegion region) {}

        @Override
        public void retiring(HostRegion region) {}
    };

    /** A region exists and is about to be used. */
    void created(HostRegion region);

    /** No extent of the region is left; the pool releases it after this call. */
    void retiring(HostRegion region);
}
