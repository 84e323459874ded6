// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.TransportFixture;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Starts shm; nothing listens at the record's port. */
public final class ShmFixture implements TransportFixture {
    static final TransferSettings.Memory SETTINGS =
            new TransferSettings.Memory(ContractBench.DIR.toString(), 64L << 20, Duration.ofSeconds(60));

    @Override
    public End open(String name) throws IOException {
        return new ShmEnd(name, ShmTransport.start(SETTINGS));
    }

    @Override
    public boolean frozenOwnersCanBeRead() {
        return true;
    }

    @Override
    public boolean readerCountsRefusals() {
        return true;
    }

    private static final class ShmEnd implements End {
        private final ShmTransport transport;
        private final PeerRecord record;

        ShmEnd(String name, ShmTransport transport) {
            this.transport = transport;
            long epoch = ThreadLocalRandom.current().nextLong();
            this.record = new PeerRecord(name, epoch, "127.0.0.1", 1, transport.attributes());
        }

        @Override
        public Transport transport() {
            return transport;
        }

        @Override
        public PeerRecord record() {
            return record;
        }

        @Override
        public long refusedRequests() {
            return transport.refusedRequests();
        }

        @Override
        public void close() {
            transport.close();
        }
    }
}
