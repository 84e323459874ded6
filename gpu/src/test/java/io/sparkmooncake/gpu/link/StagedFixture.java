// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.shm.ShmTransport;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.tcp.Identity;
import io.sparkmooncake.transfer.tcp.TcpTransport;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;

/** Starts staging, over shm and tcp or over tcp alone. */
public class StagedFixture extends DeviceFixture {
    private final List<String> carriers;

    /** Carried by shm. */
    public StagedFixture() {
        this(List.of("shm", "tcp"));
    }

    private StagedFixture(List<String> carriers) {
        this.carriers = carriers;
    }

    /** Carried by tcp alone. */
    public static final class OverTcp extends StagedFixture {
        /** Creates it. */
        public OverTcp() {
            super(List.of("tcp"));
        }
    }

    @Override
    public End open(String name) throws IOException {
        return new StagedEnd(name);
    }

    @Override
    public boolean frozenOwnersCanBeRead() {
        return false;
    }

    @Override
    public boolean readerCountsRefusals() {
        return false;
    }

    private final class StagedEnd implements End {
        private final ExecutorService threads = Executors.newFixedThreadPool(4);
        private final TcpTransport tcp;
        private final ShmTransport shm;
        private final Transport staged;
        private final PeerRecord record;

        StagedEnd(String name) throws IOException {
            TransferSettings settings = TransferSettings.read(Map.of());
            long epoch = ThreadLocalRandom.current().nextLong();
            byte[] secret = "a secret of the application".getBytes(StandardCharsets.UTF_8);
            tcp = TcpTransport.start(new Identity(name, epoch, "127.0.0.1", secret), settings, threads);
            shm = ShmTransport.start(settings.memory());
            Map<String, Transport> ways = new TreeMap<>(Map.of("tcp", tcp, "shm", shm));
            ways.keySet().retainAll(carriers);
            staged = StagedTransport.start(tcp, ways, Path.of(settings.memory().dir()), List.of(device(name)));
            Map<String, String> attributes = new TreeMap<>(staged.attributes());
            ways.values().forEach(each -> attributes.putAll(each.attributes()));
            record = new PeerRecord(name, epoch, "127.0.0.1", tcp.port(), attributes);
        }

        @Override
        public Transport transport() {
            return staged;
        }

        @Override
        public PeerRecord record() {
            return record;
        }

        @Override
        public long refusedRequests() {
            return staged.refusedRequests();
        }

        @Override
        public void close() {
            staged.close();
            shm.close();
            tcp.close();
            threads.shutdownNow();
        }
    }
}
