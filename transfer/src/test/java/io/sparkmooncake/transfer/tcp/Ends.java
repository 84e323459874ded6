// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Transports of a test, made and ended together. */
final class Ends implements AutoCloseable {
    static final Duration LONG = Duration.ofSeconds(60);
    private static final byte[] SECRET = "sixteen bytes or more".getBytes(UTF_8);

    private final ExecutorService controlThreads =
            Executors.newCachedThreadPool(task -> new Thread(task, "test-control"));
    private final List<TcpTransport> transports = new ArrayList<>();

    static byte[] secret() {
        return SECRET.clone();
    }

    static TransferSettings settings(Map<String, String> overrides) {
        return TransferSettings.read(overrides);
    }

    /** Settings with short limits. */
    static TransferSettings hasty(boolean encrypted) {
        return settings(Map.of(
                "spark.mooncake.connect.timeout", "2s",
                "spark.mooncake.transfer.timeout", "1s",
                "spark.network.crypto.enabled", Boolean.toString(encrypted)));
    }

    static TransferSettings calm(boolean encrypted) {
        return settings(Map.of("spark.network.crypto.enabled", Boolean.toString(encrypted)));
    }

    ExecutorService controlThreads() {
        return controlThreads;
    }

    TcpTransport start(String name, TransferSettings settings) throws TransferException {
        return start(new Identity(name, epoch(name), "127.0.0.1", SECRET), settings);
    }

    TcpTransport start(Identity identity, TransferSettings settings) throws TransferException {
        TcpTransport transport = TcpTransport.start(identity, settings, controlThreads);
        transports.add(transport);
        return transport;
    }

    static long epoch(String name) {
        return 1_000_003L * name.hashCode();
    }

    static PeerRecord record(String name, TcpTransport transport) {
        return record(name, transport.port());
    }

    static PeerRecord record(String name, int port) {
        return new PeerRecord(name, epoch(name), "127.0.0.1", port, Map.of());
    }

    static Link link(TcpTransport from, PeerRecord to) {
        Reachability verdict = from.link(to).orTimeout(60, TimeUnit.SECONDS).join();
        return verdict.fold(link -> link, reason -> {
            throw new AssertionError(reason);
        });
    }

    static TransferBatch submit(Link link, TransferBatch batch) {
        batch.begin();
        link.submit(batch);
        return batch;
    }

    static TransferBatch await(TransferBatch batch) {
        return batch.completion().orTimeout(60, TimeUnit.SECONDS).join();
    }

    static TransferBatch read(
            Link link, TestRegion local, long localOffset, TestRegion remote, long remoteOffset, long length) {
        TransferBatch batch = new TransferBatch(Opcode.READ, LONG);
        batch.add(local, localOffset, remote.descriptor(), remoteOffset, length);
        return submit(link, batch);
    }

    static void assertCompleted(TransferBatch batch) {
        assertThat(await(batch).firstFailure()).isEmpty();
    }

    @Override
    public void close() {
        transports.forEach(TcpTransport::close);
        controlThreads.shutdownNow();
    }
}
