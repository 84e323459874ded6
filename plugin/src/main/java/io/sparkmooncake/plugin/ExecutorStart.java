// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.collectives.bootstrap.ProcessRendezvous;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.conf.CollectivesSettings;
import io.sparkmooncake.conf.GpuSettings;
import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.conf.ShuffleSettings;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.plugin.memory.MemoryPlan;
import io.sparkmooncake.shuffle.ExecutorResources;
import io.sparkmooncake.shuffle.ShuffleRuntime;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.storage.BlockManagerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an executor is started with, and the order in which it starts: engine, store, directory, rendezvous, shuffle, metrics. Each
 * step hands what it opened to the {@link Opened} that closes it.
 */
final class ExecutorStart {
    private static final Logger LOG = LoggerFactory.getLogger(ExecutorStart.class);

    /** What a bootstrap step may take beyond its own deadline before it counts as stuck. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    /** Scratch memory is zeroed when it is taken, so its regions are small. */
    private static final long SCRATCH_REGION_BYTES = 16L << 20;

    private static final long UNLIMITED_BYTES = Long.MAX_VALUE / 2;

    private final PluginContext context;
    private final Map<String, String> conf;
    private final TransferSettings settings;
    private final SparkEnv env;
    private final byte[] secret;

    private ExecutorStart(PluginContext context, TransferSettings settings, SparkEnv env, byte[] secret) {
        this.context = context;
        this.conf = MooncakePlugin.settings(context.conf());
        this.settings = settings;
        this.env = env;
        this.secret = secret;
    }

    /**
     * Reads what the executor is started with.
     *
     * @param told what the driver's plugin handed out
     */
    static ExecutorStart of(PluginContext context, Map<String, String> told, SparkEnv env) {
        Map<String, String> conf = MooncakePlugin.settings(context.conf());
        TransferSettings settings = encryptedAs(
                env.securityManager(),
                OperatingSystem.allowed(
                        TransferSettings.read(conf),
                        System.getProperty("os.name", "?"),
                        Settings.ON_UNSUPPORTED.read(conf)));
        String bindAddress = BindAddress.of(context.executorID(), conf, System.getProperty("sun.java.command", ""));
        settings = settings.withBindAddress(bindAddress);
        byte[] secret =
                ApplicationSecret.receive(told, () -> env.securityManager().getSecretKey());
        return new ExecutorStart(context, settings, env, secret);
    }

    /** Returns settings that encrypt whenever Spark itself does, by whatever key it decided so. */
    static TransferSettings encryptedAs(SecurityManager spark, TransferSettings settings) {
        return spark.isEncryptionEnabled() ? settings.withEncryption() : settings;
    }

    void open(Opened opened) throws Exception {
        Identity identity =
                new Identity(context.executorID(), new SecureRandom().nextLong(), host(context, env), secret);
        LocalEngine engine = opened.add(LocalEngine.start(identity, settings));
        RemoteStore store = opened.add(RemoteStore.start(
                context.executorID(),
                engine.agent(),
                request -> (byte[]) askDriver(request),
                settings.connectTimeout()));
        PeerDirectory directory = opened.add(await(PeerDirectory.join(engine, store)));
        Rendezvous.Options ranks = rendezvousOptions();
        ExecutorDevices devices = opened.add(new ExecutorDevices(GpuSettings.read(conf), ranks.timeout()));
        opened.add(ProcessRendezvous.install(new Rendezvous(engine, directory, store, ranks, devices)));
        ExecutorMetrics metrics = new ExecutorMetrics(context.metricRegistry());
        metrics.measure(engine);
        metrics.measure(devices);
        LOG.info(
                "spark-mooncake runs on executor {}, paths in order of preference: {}",
                engine.self().describe(),
                settings.paths());
        if (StartChecks.shufflesHere(conf)) {
            metrics.measure(startShuffle(opened, engine, store, directory));
        }
    }

    private Rendezvous.Options rendezvousOptions() {
        CollectivesSettings collectives = CollectivesSettings.read(conf);
        return new Rendezvous.Options(collectives.timeout(), collectives.windowBytes());
    }

    private ShuffleRuntime startShuffle(Opened opened, LocalEngine engine, RemoteStore store, PeerDirectory directory) {
        ShuffleSettings shuffle = ShuffleSettings.read(conf);
        TransferSettings.Memory memory = settings.memory();
        Path memoryDir = Path.of(memory.dir());
        MemoryPlan plan = ExecutorMemory.decide(conf, shuffle, memoryDir);
        Registration registration = opened.add(new Registration(engine));
        Neighbours neighbours =
                opened.add(new Neighbours(engine.self(), settings.paths().contains("shm")));
        ExecutorResources resources = opened.add(new ExecutorResources(
                engine,
                directory::peer,
                neighbours::allShareMemory,
                RegionPool.sharedMemory(
                        memoryDir,
                        new RegionPool.Limits(plan.outputs().bytes(), memory.segmentBytes(), memory.idle()),
                        registration),
                RegionPool.files(
                        localDirectories(),
                        new RegionPool.Limits(UNLIMITED_BYTES, memory.segmentBytes(), memory.idle()),
                        registration),
                RegionPool.privateMemory(
                        new RegionPool.Limits(plan.scratch().bytes(), SCRATCH_REGION_BYTES, memory.idle())),
                settings.connectTimeout()));
        ShuffleRuntime runtime = opened.add(ShuffleRuntime.start(context.conf(), shuffle, resources));
        neighbours.follow(store, runtime::peerLost);
        opened.add(ForgottenShuffles.start(context.executorID(), runtime.store(), forgotten()));
        long wantedBytes = shuffle.memoryBytes().orElse(Runtime.getRuntime().maxMemory() / 2);
        ExecutorMemory.log(context.executorID(), plan, settings.paths(), wantedBytes, localDirectories());
        return runtime;
    }

    private ForgottenShuffles.Driver forgotten() {
        return new ForgottenShuffles.Driver() {
            @Override
            public int[] forgotten(int[] held) throws IOException {
                return (int[]) askDriver(held);
            }

            @Override
            public long[] forgotten(long[] held) throws IOException {
                return (long[]) askDriver(held);
            }
        };
    }

    /**
     * Returns the address that Spark itself gives to others. With {@code local[*]} there is none yet when plugins start, and in
     * an executor's own process the plugin's context has none.
     */
    static String host(PluginContext context, SparkEnv env) {
        BlockManagerId id = env.blockManager().blockManagerId();
        return id == null ? context.hostname() : id.host();
    }

    private List<Path> localDirectories() {
        return Arrays.stream(env.blockManager().diskBlockManager().localDirs())
                .map(File::toPath)
                .toList();
    }

    /** Carries a request over Spark's own RPC; waits for the answer as long as {@code spark.rpc.askTimeout} allows. */
    private Object askDriver(Object request) throws IOException {
        try {
            return context.ask(request);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the driver was asked", e);
        } catch (Exception e) {
            throw new IOException("the driver could not be asked: " + e.getMessage(), e);
        }
    }

    private <T> T await(CompletableFuture<T> step) throws TransferException, InterruptedException {
        Duration limit = settings.connectTimeout().plus(GRACE);
        try {
            return step.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof TransferException known
                    ? known
                    : new TransferException(
                            TransferException.Code.UNREACHABLE, String.valueOf(e.getCause()), e.getCause());
        } catch (TimeoutException e) {
            throw new TransferException(
                    TransferException.Code.TIMED_OUT,
                    "executor " + context.executorID() + " was not published in the driver's store within "
                            + limit.toMillis() + " ms: check that the driver is alive and not in a long garbage"
                            + " collection, or raise spark.mooncake.connect.timeout",
                    e);
        }
    }
}
