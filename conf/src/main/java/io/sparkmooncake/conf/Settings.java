// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeSet;

/** Every key, in the order of the settings page. */
public final class Settings {
    /** What all our keys begin with. */
    public static final String PREFIX = "spark.mooncake.";

    private static final String V0_1 = "0.1.0";
    private static final Domain<Duration> WAIT = Domain.duration("100ms", "24h");

    /** Paths in order of preference. */
    public static final Setting<List<String>> PATHS = new Setting<>(
            PREFIX + "transfer.paths",
            "shm,tcp",
            Domain.someOf("mnnvl", "nvlink", "staged", "shm", "tcp"),
            "Ways between two executors, in order of preference. The first that proved it reaches the memory is used.",
            V0_1);

    /** Deadline of connecting. */
    public static final Setting<Duration> CONNECT_TIMEOUT = new Setting<>(
            PREFIX + "connect.timeout",
            "60s",
            WAIT,
            "How long an executor tries to reach the driver's store or another executor before it fails with the table of"
                    + " causes.",
            V0_1);

    /** Deadline of a transfer or look-up. */
    public static final Setting<Duration> TRANSFER_TIMEOUT = new Setting<>(
            PREFIX + "transfer.timeout",
            "60s",
            WAIT,
            "How long nothing may move of a look-up, a batch of transfers or a connection before it fails. A batch whose bytes"
                    + " still arrive, however slowly, does not fail.",
            V0_1);

    /** Bytes in flight to one peer. */
    public static final Setting<Long> MAX_BYTES_IN_FLIGHT = new Setting<>(
            PREFIX + "transfer.maxBytesInFlight",
            "256m",
            Domain.bytes("1m", "1t"),
            "Bytes that transfers to one peer may have under way; beyond it, further transfers wait.",
            V0_1);

    /** Deadline of a lease. */
    public static final Setting<Duration> LEASE_TIMEOUT = new Setting<>(
            PREFIX + "lease.timeout",
            "10m",
            WAIT,
            "How long an owner keeps a shuffle block readable for a task that neither finished nor renewed its lease. At least"
                    + " spark.mooncake.transfer.timeout.",
            V0_1);

    /** Fixed listener port. */
    public static final Setting<Integer> TCP_PORT = new Setting<>(
            PREFIX + "tcp.port",
            "0",
            Domain.count(0, 65_535),
            "Port of an executor's listener; 0 takes any free one. A busy fixed port leads to the next one, up to"
                    + " spark.port.maxRetries times.",
            V0_1);

    /** Event loop threads. */
    public static final Setting<Integer> TCP_THREADS =
            new Setting<>(PREFIX + "tcp.threads", "2", Domain.count(1, 64), "Network threads of an executor.", V0_1);

    /** Directory of shareable memory. */
    public static final Setting<String> MEMORY_DIR = new Setting<>(
            PREFIX + "memory.dir",
            "/dev/shm",
            Domain.directory(),
            "Memory file system in which shareable memory is created, as files without a name. A sixteenth of it, at least 4 MiB,"
                    + " is left to others. If it is missing, full or not writable, map outputs go to spark.local.dir.",
            V0_1);

    /** Size of a pooled region. */
    public static final Setting<Long> SEGMENT_BYTES = new Setting<>(
            PREFIX + "memory.segment",
            "128m",
            Domain.bytes("1m", "1t"),
            "Size of one pooled region; larger needs get a region of their own.",
            V0_1);

    /** Idle time after which memory goes back to the system. */
    public static final Setting<Duration> MEMORY_IDLE = new Setting<>(
            PREFIX + "memory.idle",
            "60s",
            WAIT,
            "After this time without use a region goes back to the system, and a mapping of a peer's region is dropped.",
            V0_1);

    /** Memory for map outputs; empty for what the host and the container leave. */
    public static final Setting<OptionalLong> SHUFFLE_MEMORY = new Setting<>(
            PREFIX + "shuffle.memory",
            "auto",
            Domain.bytesOrAuto("1m", "1024t"),
            "Memory outside the heap that an executor's map outputs may take before they go to spark.local.dir. auto is the least"
                    + " of half of the heap, half of what the machine and each cgroup have left for all executors of the host,"
                    + " the size of the file system of spark.mooncake.memory.dir shared by them and, on YARN and Kubernetes, half of the memory"
                    + " overhead less spark.mooncake.shuffle.scratch. A line of the log at start names what decided.",
            V0_1);

    /** Bytes a map task gathers before it lays them out by partition. */
    public static final Setting<Long> WRITE_BUFFER = new Setting<>(
            PREFIX + "shuffle.write.buffer",
            "32m",
            Domain.bytes("64k", "1g"),
            "Serialized bytes that a map task gathers before it lays them out by partition. Taken from Spark's task memory.",
            V0_1);

    /** Memory for staging and for blocks in transfer; empty for a share of what is left outside the heap. */
    public static final Setting<OptionalLong> SCRATCH_MEMORY = new Setting<>(
            PREFIX + "shuffle.scratch",
            "auto",
            Domain.bytesOrAuto("1m", "1024t"),
            "Memory outside the heap that an executor's tasks share for blocks in transfer and for laying out map outputs. When"
                    + " it is taken, readers come again and writers make do with 1 MiB. auto is what the tasks of all cores use at"
                    + " once (spark.reducer.maxSizeInFlight and spark.mooncake.shuffle.write.buffer each), at most half of -XX:MaxDirectMemorySize and, on YARN and"
                    + " Kubernetes, half of the memory overhead.",
            V0_1);

    /** Whether blocks carry checksums. */
    public static final Setting<Boolean> CHECKSUM = new Setting<>(
            PREFIX + "shuffle.checksum",
            "true",
            Domain.trueOrFalse(),
            "Whether every block carries a CRC32C that its reader verifies.",
            V0_1);

    /** When blocks are compressed. */
    public static final Setting<Compress> COMPRESS = new Setting<>(
            PREFIX + "shuffle.compress",
            "auto",
            Domain.oneOf(Compress.class),
            "Whether blocks are compressed with spark.io.compression.codec. auto compresses when spark.shuffle.compress is true"
                    + " and some executor of the application is not reached through shared memory, or the block begins in"
                    + " spark.local.dir.",
            V0_1);

    /** Deadline of one wait among ranks. */
    public static final Setting<Duration> COLLECTIVES_TIMEOUT = new Setting<>(
            PREFIX + "collectives.timeout",
            "60s",
            WAIT,
            "How long a rank of a communicator waits for another one that is silent, before all of them fail.",
            V0_1);

    /** Size of a rank's windows. */
    public static final Setting<Long> COLLECTIVES_WINDOW = new Setting<>(
            PREFIX + "collectives.window",
            "256k",
            Domain.bytes("4k", "256m"),
            "Size of each of the two windows through which a rank shows its data to the ranks of its host. A multiple of 64"
                    + " bytes, and at least 64 bytes for each rank.",
            V0_1);

    /** Whether ranks use the devices that Spark assigns. */
    public static final Setting<Boolean> GPU_ENABLED = new Setting<>(
            PREFIX + "gpu.enabled",
            "true",
            Domain.trueOrFalse(),
            "Whether ranks whose tasks Spark assigns GPUs join with them. When false they join as without.",
            V0_1);

    /** Device memory of one rank. */
    public static final Setting<Long> GPU_MEMORY = new Setting<>(
            PREFIX + "gpu.memory",
            "8g",
            Domain.bytes("1m", "1t"),
            "Most memory of its GPU that a rank may allocate through one communicator. 192 MiB that the communicator itself needs"
                    + " are not counted.",
            V0_1);

    /** Size of a pooled region of a device. */
    public static final Setting<Long> GPU_SEGMENT = new Setting<>(
            PREFIX + "gpu.memory.segment",
            "64m",
            Domain.bytes("1m", "1t"),
            "Size of one region of GPU memory that the other ranks map; the first is taken when a rank joins, and larger needs get"
                    + " a region of their own. At most spark.mooncake.gpu.memory.",
            V0_1);

    /** Bytes the driver's store may hold. */
    public static final Setting<Long> STORE_BYTES = new Setting<>(
            PREFIX + "store.memory",
            "64m",
            Domain.bytes("64k", "1t"),
            "Bytes of keys and values that the driver's store holds for one application; beyond it puts are refused.",
            V0_1);

    /** What happens if the shuffle cannot run. */
    public static final Setting<OnUnsupported> ON_UNSUPPORTED = new Setting<>(
            PREFIX + "onUnsupported",
            "fail",
            Domain.oneOf(OnUnsupported.class),
            "What the driver does when the shuffle cannot run with this Spark or these settings. fail refuses to start and names"
                    + " the line to change; sort logs the reason and leaves the shuffle to Spark, and ranks still run.",
            V0_1);

    private static final List<Setting<?>> ALL = List.of(
            PATHS,
            CONNECT_TIMEOUT,
            TRANSFER_TIMEOUT,
            MAX_BYTES_IN_FLIGHT,
            LEASE_TIMEOUT,
            TCP_PORT,
            TCP_THREADS,
            MEMORY_DIR,
            SEGMENT_BYTES,
            MEMORY_IDLE,
            SHUFFLE_MEMORY,
            WRITE_BUFFER,
            SCRATCH_MEMORY,
            CHECKSUM,
            COMPRESS,
            COLLECTIVES_TIMEOUT,
            COLLECTIVES_WINDOW,
            GPU_ENABLED,
            GPU_MEMORY,
            GPU_SEGMENT,
            STORE_BYTES,
            ON_UNSUPPORTED);

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

    /** Values of {@link #ON_UNSUPPORTED}. */
    public enum OnUnsupported {
        /** The application does not start. */
        FAIL,
        /** Spark's own sort shuffle takes over. */
        SORT
    }

    /** Returns every setting. */
    public static List<Setting<?>> all() {
        return ALL;
    }

    /**
     * Reads every key that begins with {@link #PREFIX}, so that a mistake fails the start and not a later task.
     *
     * @throws IllegalArgumentException naming an unknown key and the known one that is spelled most alike, or the first value
     *     that is not allowed
     */
    public static void check(Map<String, String> conf) {
        List<String> known = ALL.stream().map(Setting::key).toList();
        for (String key : new TreeSet<>(conf.keySet())) {
            if (key.startsWith(PREFIX) && !known.contains(key)) {
                String nearest = known.stream()
                        .min(Comparator.comparingInt(candidate -> edits(key, candidate)))
                        .orElseThrow();
                throw new IllegalArgumentException(key + " is not a setting of spark-mooncake. Did you mean " + nearest
                        + "? Correct or remove the line \"" + key + " " + conf.get(key) + "\"");
            }
        }
        TransferSettings.read(conf);
        ShuffleSettings.read(conf);
        CollectivesSettings.read(conf);
        GpuSettings.read(conf);
        STORE_BYTES.read(conf);
        ON_UNSUPPORTED.read(conf);
    }

    /** Returns how many letters must be inserted, removed or replaced to get from one word to the other. */
    private static int edits(String from, String to) {
        int[] row = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j - 1], row[j]));
            }
        }
        return row[to.length()];
    }
}
