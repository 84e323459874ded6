// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.testing.TransportFixture;
import java.util.concurrent.ThreadLocalRandom;

/** Starts tcp, plain. */
public final class TcpFixture implements TransportFixture {
    @Override
    public End open(String name) throws TransferException {
        return new TcpEnd(name, false);
    }

    @Override
    public boolean frozenOwnersCanBeRead() {
        return false;
    }

    @Override
    public boolean readerCountsRefusals() {
        return false;
    }

    /** Starts tcp, encrypted. */
    public static final class Encrypted implements TransportFixture {
        @Override
        public End open(String name) throws TransferException {
            return new TcpEnd(name, true);
        }

        @Override
        public boolean frozenOwnersCanBeRead() {
            return false;
        }

        @Override
        public boolean readerCountsRefusals() {
            return false;
        }
    }

    private static final class TcpEnd implements End {
        private final Ends ends = new Ends();
        private final TcpTransport transport;
        private final PeerRecord record;

        TcpEnd(String name, boolean encrypted) throws TransferException {
            long epoch = ThreadLocalRandom.current().nextLong();
            transport = ends.start(new Identity(name, epoch, "127.0.0.1", Ends.secret()), Ends.calm(encrypted));
            record = new PeerRecord(name, epoch, "127.0.0.1", transport.port(), transport.attributes());
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
            ends.close();
        }
    }
}
