// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;

/** Two ends of shared memory in one process. */
final class ShmEnds {
    private static final TransferSettings.Memory SETTINGS =
            new TransferSettings.Memory("/dev/shm", 1 << 20, Duration.ofHours(1));

    private ShmEnds() {}

    static ShmTransport start() {
        try {
            return ShmTransport.start(SETTINGS);
        } catch (IOException e) {
            throw new UncheckedIOException("too many tries at a time: use a smaller -strideCount", e);
        }
    }

    static PeerRecord record(ShmTransport transport) {
        return new PeerRecord("owner", 1, "127.0.0.1", 1, transport.attributes());
    }

    static HostRegion map(Link link, HostRegion region) {
        try {
            return link.map(region.descriptor()).orElseThrow();
        } catch (TransferException e) {
            throw new IllegalStateException(e);
        }
    }

    static Link link(ShmTransport reader, ShmTransport owner) {
        Reachability verdict = reader.link(record(owner)).join();
        return verdict.fold(link -> link, reason -> {
            throw new IllegalStateException(reason);
        });
    }
}
