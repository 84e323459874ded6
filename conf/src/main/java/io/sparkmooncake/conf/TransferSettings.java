// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Settings of the transfer engine.
 *
 * @param paths transports in order of preference
 * @param connectTimeout deadline of connecting one peer
 * @param transferTimeout deadline of one look-up or batch
 * @param maxBytesInFlight back-pressure limit per peer
 * @param tcp the listener
 * @param memory where and how regions are made
 */
public record TransferSettings(
        List<String> paths,
        Duration connectTimeout,
        Duration transferTimeout,
        long maxBytesInFlight,
        Tcp tcp,
        Memory memory) {

    /**
     * Settings of the listener.
     *
     * @param port fixed port, or 0
     * @param portMaxRetries Spark's own {@code spark.port.maxRetries}
     * @param bindAddress that Spark binds, if it was given one; else empty, and the listener chooses
     * @param threads event loop threads
     * @param encrypted Spark's own {@code spark.network.crypto.enabled}, {@code spark.authenticate.enableSaslEncryption} or
     *     {@code spark.ssl.rpc.enabled}
     */
    public record Tcp(int port, int portMaxRetries, String bindAddress, int threads, boolean encrypted) {}

    /**
     * Settings of region pools.
     *
     * @param dir memory file system
     * @param segmentBytes size of a pooled region
     * @param idle time after which unused regions and mappings are dropped
     */
    public record Memory(String dir, long segmentBytes, Duration idle) {}

    /** Reads the settings from Spark's configuration. */
    public static TransferSettings read(Map<String, String> conf) {
        return new TransferSettings(
                Settings.PATHS.read(conf),
                Settings.CONNECT_TIMEOUT.read(conf),
                Settings.TRANSFER_TIMEOUT.read(conf),
                Settings.MAX_BYTES_IN_FLIGHT.read(conf),
                new Tcp(
                        Settings.TCP_PORT.read(conf),
                        SparkOwn.PORT_MAX_RETRIES.read(conf),
                        "",
                        Settings.TCP_THREADS.read(conf),
                        SparkOwn.encryptsNetwork(conf)),
                new Memory(
                        Settings.MEMORY_DIR.read(conf),
                        Settings.SEGMENT_BYTES.read(conf),
                        Settings.MEMORY_IDLE.read(conf)));
    }

    /** Returns the same settings with encrypted connections. */
    public TransferSettings withEncryption() {
        Tcp encrypted = new Tcp(tcp.port, tcp.portMaxRetries, tcp.bindAddress, tcp.threads, true);
        return with(encrypted);
    }

    /** Returns the same settings with a listener that binds this address. */
    public TransferSettings withBindAddress(String address) {
        return with(new Tcp(tcp.port, tcp.portMaxRetries, address, tcp.threads, tcp.encrypted));
    }

    private TransferSettings with(Tcp otherTcp) {
        return new TransferSettings(paths, connectTimeout, transferTimeout, maxBytesInFlight, otherTcp, memory);
    }

    /** Returns the same settings with other paths. */
    public TransferSettings withPaths(List<String> otherPaths) {
        return new TransferSettings(otherPaths, connectTimeout, transferTimeout, maxBytesInFlight, tcp, memory);
    }
}
