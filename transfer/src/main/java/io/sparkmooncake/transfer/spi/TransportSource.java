// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import io.sparkmooncake.transfer.PeerRecord;
import java.nio.file.Path;
import java.util.Map;

/** Starts a transport of another module, for an engine that was asked for a path of its name. */
@FunctionalInterface
public interface TransportSource {
    /**
     * Starts the transport.
     *
     * @param control of the engine, which outlives the transport; it may offer services there
     * @param carriers transports that the engine has started, by name
     * @param directory where memory is made that other processes of this host map
     * @return the engine's, who closes it; one that cannot work here refuses every {@link Transport#link(PeerRecord)} with the cause
     */
    Transport start(ControlPlane control, Map<String, Transport> carriers, Path directory);
}
