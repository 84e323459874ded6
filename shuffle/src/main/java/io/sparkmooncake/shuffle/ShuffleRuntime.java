// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.conf.Settings.Compress;
import io.sparkmooncake.conf.ShuffleSettings;
import io.sparkmooncake.shuffle.read.BlockOwners;
import io.sparkmooncake.shuffle.read.HostLanding;
import io.sparkmooncake.shuffle.read.Leases;
import io.sparkmooncake.shuffle.read.Lookups;
import io.sparkmooncake.shuffle.read.ReadCounters;
import io.sparkmooncake.shuffle.read.ReadEnvironment;
import io.sparkmooncake.shuffle.read.ReadLimits;
import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.store.Encoding;
import io.sparkmooncake.shuffle.store.LookupServices;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.shuffle.write.Encodings;
import io.sparkmooncake.shuffle.write.WriteCounters;
import io.sparkmooncake.shuffle.write.WriteEnvironment;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Everything that the shuffle of one executor shares: its store, pools, counters and leases. The plugin starts it when the
 * executor has its engine and closes it when the executor stops; Spark's manager, which Spark constructs by reflection,
 * finds it through {@link #current}.
 *
 * <p>Threading: safe from any thread. One housekeeping thread renews and expires leases and trims idle memory.
 */
public final class ShuffleRuntime implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ShuffleRuntime.class);

    /** The slot that Spark's reflective construction of the manager forces: one running executor per process. */
    private static final AtomicReference<@Nullable ShuffleRuntime> INSTALLED = new AtomicReference<>();

    /** Long enough to gather the releases of short tasks, short enough that memory of removed shuffles is not kept noticeably. */
    private static final int RELEASE_DELAY_MILLIS = 20;

    /** Longer than from one task of a stage to the next, short beside the time for which Spark keeps a shuffle. */
    private static final Duration LOOKUPS_IDLE = Duration.ofSeconds(2);

    private final ExecutorResources resources;
    private final ShuffleSettings settings;
    private final MapOutputStore store;
    private final Leases leases;
    private final Lookups lookups;
    private final HostLanding landing;
    private final ReadCounters reads = new ReadCounters();
    private final WriteCounters writes = new WriteCounters();
    private final ScheduledExecutorService housekeeping;
    private final SparkConf conf;
    private @Nullable Environments environments;

    private ShuffleRuntime(SparkConf conf, ShuffleSettings settings, ExecutorResources resources) {
        this.conf = conf;
        this.settings = settings;
        this.resources = resources;
        this.store =
                new MapOutputStore(resources.memory(), resources.files(), settings.leaseTimeout(), System::nanoTime);
        this.housekeeping = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "mooncake-shuffle-housekeeping-" + resources.self());
            thread.setDaemon(true);
            return thread;
        });
        this.leases = new Leases(settings.leaseTimeout(), System::nanoTime, release -> {
            var unused = housekeeping.schedule(release, RELEASE_DELAY_MILLIS, TimeUnit.MILLISECONDS);
        });
        this.landing = new HostLanding(resources.scratch());
        BlockOwners owners = new BlockOwners(resources.self(), store, resources.peers(), settings.transferTimeout());
        this.lookups = new Lookups(owners, leases, LOOKUPS_IDLE, System::nanoTime);
    }

    /**
     * Starts the shuffle of this executor and offers its look-ups to peers.
     *
     * @param conf Spark's configuration
     * @param settings our settings
     * @param resources what the executor has; taken over and closed by {@link #close}
     */
    public static ShuffleRuntime start(SparkConf conf, ShuffleSettings settings, ExecutorResources resources) {
        ShuffleRuntime runtime = new ShuffleRuntime(conf, settings, resources);
        LookupServices.offer(resources.engine(), runtime.store, LookupServices.MAX_ANSWER_BYTES);
        long periodMillis = Math.min(5_000, Math.max(10, settings.leaseTimeout().toMillis() / 4));
        var unused = runtime.housekeeping.scheduleWithFixedDelay(
                runtime::keepHouse, periodMillis, periodMillis, TimeUnit.MILLISECONDS);
        INSTALLED.set(runtime);
        return runtime;
    }

    /** One failure must not end the housekeeping of the executor's whole life. */
    private void keepHouse() {
        try {
            lookups.trim();
            landing.trim();
            leases.keep();
            store.expireLeases();
            resources.trim(System.nanoTime());
        } catch (RuntimeException e) {
            LOG.warn("housekeeping of executor {} failed and will be tried again", resources.self(), e);
        }
    }

    /** Returns the runtime of this process, if its executor runs. */
    public static Optional<ShuffleRuntime> installed() {
        return Optional.ofNullable(INSTALLED.get());
    }

    /** Returns the runtime of this process, or says which setting is missing. */
    static ShuffleRuntime current() {
        return installed()
                .orElseThrow(
                        () -> new IllegalStateException(
                                "spark.shuffle.manager=" + MooncakeShuffleManager.class.getName()
                                        + " needs its plugin: add --conf spark.plugins=io.sparkmooncake.plugin.MooncakePlugin, and on"
                                        + " Spark 3.5 name the jar in spark.driver.extraClassPath and spark.executor.extraClassPath"));
    }

    /** Removes a shuffle's outputs here, and what is known of its outputs elsewhere. */
    public void removeShuffle(int shuffleId) {
        store.removeShuffle(shuffleId);
        lookups.forget(shuffleId);
    }

    /** Returns this executor's map outputs. */
    public MapOutputStore store() {
        return store;
    }

    /** Returns what was read over which path. */
    public ReadCounters reads() {
        return reads;
    }

    /** Returns what was written where. */
    public WriteCounters writes() {
        return writes;
    }

    /** Returns the memory and files that map outputs take. */
    public ExecutorResources resources() {
        return resources;
    }

    /** Tells an owner's leases that their holder is gone. */
    public void peerLost(String name) {
        store.holderLost(name);
    }

    /** Returns how a map output that is written now is encoded; what goes to files is compressed on one host, too. */
    Encodings encodings() {
        boolean allowed = settings.compress() == Compress.TRUE
                || (settings.compress() == Compress.AUTO && conf.getBoolean("spark.shuffle.compress", true));
        boolean pays = settings.compress() == Compress.TRUE || !resources.allPeersShareMemory();
        return new Encodings(
                allowed && pays ? Encoding.COMPRESSED : Encoding.PLAIN, allowed ? Encoding.COMPRESSED : Encoding.PLAIN);
    }

    WriteEnvironment writeEnvironment() {
        return environments().write();
    }

    ReadEnvironment readEnvironment() {
        return environments().read();
    }

    /** Made at first use: the codec may be a class of the user's jars. */
    private synchronized Environments environments() {
        Environments made = environments;
        if (made == null) {
            BlockCodec codec = new BlockCodec(conf, SparkEnv.get().serializerManager());
            made = new Environments(
                    new WriteEnvironment(
                            store,
                            resources.scratch(),
                            codec,
                            settings.writeBufferBytes(),
                            settings.checksum(),
                            writes),
                    new ReadEnvironment(lookups, landing, codec, limits(), reads));
            environments = made;
        }
        return made;
    }

    private ReadLimits limits() {
        return new ReadLimits(
                conf.getSizeAsBytes("spark.reducer.maxSizeInFlight", "48m"),
                conf.getInt("spark.reducer.maxReqsInFlight", Integer.MAX_VALUE),
                settings.transferTimeout(),
                resources.connectTimeout().plus(settings.transferTimeout()).plusSeconds(10),
                new ReadLimits.Retries(
                        conf.getInt("spark.shuffle.io.maxRetries", 3),
                        Duration.ofSeconds(conf.getTimeAsSeconds("spark.shuffle.io.retryWait", "5s"))),
                settings.checksum());
    }

    private record Environments(WriteEnvironment write, ReadEnvironment read) {}

    /** Gives everything back; tasks that still run fail. */
    @Override
    public void close() {
        INSTALLED.compareAndSet(this, null);
        housekeeping.shutdownNow();
        store.close();
        resources.close();
    }
}
