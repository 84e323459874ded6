// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** Every key, in the order of the settings page. */
public final class Settings {
    private static final String SINCE = "0.1.0";
    private static final Duration HOUR = Duration.ofHours(1);

    /** Paths in order of preference. */
    public static final Setting<List<String>> PATHS = new Setting<>(
            "spark.mooncake.transfer.paths",
            "text",
            "shm,tcp",
            "a comma-separated list of shm and tcp, each at most once",
            "Ways between two executors, in order of preference. The first that proved it reaches the memory is used.",
            SINCE,
            Settings::parsePaths);

    /** Deadline of connecting. */
    public static final Setting<Duration> CONNECT_TIMEOUT = duration(
            "spark.mooncake.connect.timeout",
            "60s",
            "How long an executor tries to reach another one before it fails with the table of causes.");

    /** Deadline of a transfer or look-up. */
    public static final Setting<Duration> TRANSFER_TIMEOUT = duration(
            "spark.mooncake.transfer.timeout",
            "60s",
            "How long one look-up or one batch of transfers may take before the peer counts as lost.");

    /** Deadline of a lease. */
    public static final Setting<Duration> LEASE_TIMEOUT = duration(
            "spark.mooncake.lease.timeout",
            "10m",
            "How long an owner keeps a shuffle block readable for a task that neither finished nor renewed its lease.");

    /** Bytes in flight to one peer. */
    public static final Setting<Long> MAX_BYTES_IN_FLIGHT = bytes(
            "spark.mooncake.transfer.maxBytesInFlight",
            "256m",
            1L << 20,
            "Bytes that transfers to one peer may have under way; beyond it submissions are told to wait.");

    /** Fixed listener port. */
    public static final Setting<Integer> TCP_PORT = new Setting<>(
            "spark.mooncake.tcp.port",
            "count",
            "0",
            "0 (any free port) to 65535",
            "Port of an executor's listener. A busy fixed port leads to the next one, up to spark.port.maxRetries times.",
            SINCE,
            Quantity.count(0, 65_535));

    /** Event loop threads. */
    public static final Setting<Integer> TCP_THREADS = new Setting<>(
            "spark.mooncake.tcp.threads",
            "count",
            "2",
            "1 to 64",
            "Network threads of an executor.",
            SINCE,
            Quantity.count(1, 64));

    /** Directory of shareable memory. */
    public static final Setting<String> MEMORY_DIR = new Setting<>(
            "spark.mooncake.memory.dir",
            "text",
            "/dev/shm",
            "a directory of a memory file system",
            "Where shareable memory is created, as files without a name. Where it is missing or full, local directories serve.",
            SINCE,
            Function.identity());

    /** Size of a pooled region. */
    public static final Setting<Long> SEGMENT_BYTES = bytes(
            "spark.mooncake.memory.segment",
            "128m",
            1L << 20,
            "Size of one pooled region; larger needs get a region of their own.");

    /** Idle time after which memory goes back to the system. */
    public static final Setting<Duration> MEMORY_IDLE = duration(
            "spark.mooncake.memory.idle",
            "60s",
            "After this time without use a region goes back to the system, and a mapping of a peer's region is dropped.");

    /** Memory for map outputs. */
    public static final Setting<String> SHUFFLE_MEMORY = new Setting<>(
            "spark.mooncake.shuffle.memory",
            "bytes",
            "auto",
            "auto, or at least 1m",
            "Memory outside the heap that an executor's map outputs may take before they go to spark.local.dir. auto is half of"
                    + " spark.executor.memoryOverhead plus spark.memory.offHeap.size on YARN and Kubernetes, whose containers"
                    + " end at that limit, and half of spark.executor.memory elsewhere.",
            SINCE,
            text -> text.equals("auto")
                    ? text
                    : Long.toString(Quantity.bytes(1L << 20, 1L << 50).apply(text)));

    /** Bytes a map task gathers before it lays them out by partition. */
    public static final Setting<Long> WRITE_BUFFER = bytes(
            "spark.mooncake.shuffle.write.buffer",
            "32m",
            1L << 16,
            "Serialized bytes that a map task gathers before it lays them out by partition. Taken from Spark's task memory.");

    /** Whether blocks carry checksums. */
    public static final Setting<Boolean> CHECKSUM = new Setting<>(
            "spark.mooncake.shuffle.checksum",
            "boolean",
            "true",
            "true or false",
            "Whether every block carries a CRC32C that its reader verifies.",
            SINCE,
            Quantity::parseBoolean);

    /** When blocks are compressed. */
    public static final Setting<Compress> COMPRESS = new Setting<>(
            "spark.mooncake.shuffle.compress",
            "text",
            "auto",
            "auto, true or false",
            "Whether blocks are compressed with spark.io.compression.codec. auto compresses when spark.shuffle.compress is true"
                    + " and some executor of the application is not reached through shared memory.",
            SINCE,
            text -> Compress.valueOf(text.toUpperCase(Locale.ROOT)));

    /** Bytes the driver's store may hold. */
    public static final Setting<Long> STORE_BYTES = bytes(
            "spark.mooncake.store.memory",
            "64m",
            1L << 16,
            "Bytes of keys and values that the driver's store holds for one application; beyond it puts are refused.");

    private static final List<Setting<?>> ALL = List.of(
            PATHS,
            CONNECT_TIMEOUT,
            TRANSFER_TIMEOUT,
            LEASE_TIMEOUT,
            MAX_BYTES_IN_FLIGHT,
            TCP_PORT,
            TCP_THREADS,
            MEMORY_DIR,
            SEGMENT_BYTES,
            MEMORY_IDLE,
            SHUFFLE_MEMORY,
            WRITE_BUFFER,
            CHECKSUM,
            COMPRESS,
            STORE_BYTES);

    private Settings() {}

    /** Values of {@link #COMPRESS}. */
    public enum Compress {
        /** Where it pays. */
        AUTO,
        /** Always. */
        TRUE,
        /** Never. */
        FALSE
    }

    /** Returns every setting. */
    public static List<Setting<?>> all() {
        return ALL;
    }

    private static Setting<Duration> duration(String key, String defaultText, String doc) {
        return new Setting<>(
                key,
                "duration",
                defaultText,
                "100ms to 24h",
                doc,
                SINCE,
                Quantity.duration(Duration.ofMillis(100), HOUR.multipliedBy(24)));
    }

    private static Setting<Long> bytes(String key, String defaultText, long min, String doc) {
        return new Setting<>(
                key, "bytes", defaultText, "at least " + min + " bytes", doc, SINCE, Quantity.bytes(min, 1L << 50));
    }

    private static List<String> parsePaths(String text) {
        List<String> paths =
                Arrays.stream(text.split(",", -1)).map(String::trim).toList();
        List<String> known = List.of("shm", "tcp");
        if (!known.containsAll(paths) || paths.stream().distinct().count() != paths.size()) {
            throw new IllegalArgumentException("known paths are " + known);
        }
        return paths;
    }
}
