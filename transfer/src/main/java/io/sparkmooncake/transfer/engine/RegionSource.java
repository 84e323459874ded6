// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;

/** Makes the engine's own memory: host memory at location {@code *} that peers on the same host can map. */
@FunctionalInterface
interface RegionSource {
    /** Returns a zeroed region with one count, which the caller releases. */
    HostRegion allocate(long sizeBytes) throws TransferException;
}
