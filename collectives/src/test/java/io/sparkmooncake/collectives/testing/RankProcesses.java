// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.elastic.ElasticRendezvous;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Executors in one JVM: engines with the real transports, a store of their own each over one host, and ranks that run on threads
 * of their own.
 */
public final class RankProcesses implements AutoCloseable {
    private static final byte[] SECRET = "a secret of the application".getBytes(StandardCharsets.UTF_8);
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final HostedStore host = new HostedStore(1 << 20);
    private volatile boolean storeIsSilent;
    private final List<Runnable> opened = new ArrayList<>();
    private final List<Rendezvous> rendezvous = new ArrayList<>();
    private final List<LocalEngine> engines = new ArrayList<>();
    private final List<Elastic> elastic = new ArrayList<>();

    /** Makes the elastic rendezvous of a process. */
    private interface Elastic {
        ElasticRendezvous with(ElasticRendezvous.Options options);
    }

    /** What one rank does with its communicator, which is closed after it. */
    @FunctionalInterface
    public interface RankTask<T> {
        T run(Communicator communicator) throws Exception;
    }

    public RankProcesses(int count, Rendezvous.Options options, Map<String, String> conf) throws Exception {
        TransferSettings settings = TransferSettings.read(conf);
        for (int i = 0; i < count; i++) {
            Identity identity = new Identity("exec-" + i, 100 + i, "127.0.0.1", SECRET);
            LocalEngine engine = LocalEngine.start(identity, settings);
            opened.add(engine::close);
            engines.add(engine);
            RemoteStore store = RemoteStore.start("exec-" + i, engine.agent(), this::ask, TIMEOUT);
            opened.add(store::close);
            PeerDirectory directory = PeerDirectory.join(engine, store).get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            opened.add(directory::close);
            Rendezvous joins = new Rendezvous(engine, directory, store, options);
            rendezvous.add(joins);
            elastic.add(with -> new ElasticRendezvous(engine.self(), joins, directory, store, with));
        }
    }

    private byte[] ask(byte[] request) throws IOException {
        if (storeIsSilent) {
            throw new IOException("driver is silent");
        }
        return host.answer(request);
    }

    /** Cuts every process off the store. */
    public void cutStore() {
        storeIsSilent = true;
    }

    /** Lets every process reach the store again. */
    public void mendStore() {
        storeIsSilent = false;
    }

    public LocalEngine engine(int process) {
        return engines.get(process);
    }

    public HostedStore host() {
        return host;
    }

    /** Returns where a rank joins elastic communicators; ranks go round the processes. */
    public ElasticRendezvous elastic(int rank, ElasticRendezvous.Options options) {
        return elastic.get(rank % elastic.size()).with(options);
    }

    /** Joins on the thread of the caller; ranks go round the processes. */
    public Communicator join(Membership self) throws Exception {
        return rendezvous.get(self.rank() % rendezvous.size()).join(self);
    }

    /** Joins on the thread of the caller, as a rank that was assigned devices. */
    public Communicator join(Membership self, List<String> addresses) throws Exception {
        Rendezvous process = rendezvous.get(self.rank() % rendezvous.size());
        return process.join(self, process::join, addresses);
    }

    /** Joins one rank on a thread of its own and runs the task there. */
    public <T> CompletableFuture<T> start(Membership self, RankTask<T> task) {
        CompletableFuture<T> done = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try (Communicator communicator = join(self)) {
                        done.complete(task.run(communicator));
                    } catch (Throwable e) {
                        done.completeExceptionally(e);
                    }
                },
                "rank-" + self.rank());
        thread.setDaemon(true);
        thread.start();
        return done;
    }

    /** Starts every rank of a communicator. */
    public <T> List<CompletableFuture<T>> startAll(String communicator, long epoch, int size, RankTask<T> task) {
        List<CompletableFuture<T>> ranks = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            ranks.add(start(new Membership(communicator, epoch, rank, size), task));
        }
        return ranks;
    }

    /** Runs every rank of a communicator and returns what their tasks returned. */
    public <T> List<T> runAll(String communicator, long epoch, int size, RankTask<T> task) throws Exception {
        List<T> results = new ArrayList<>();
        for (CompletableFuture<T> rank : startAll(communicator, epoch, size, task)) {
            results.add(rank.get(TIMEOUT.toSeconds() * 2, TimeUnit.SECONDS));
        }
        return results;
    }

    /** Returns why a rank failed. */
    public static Throwable failure(CompletableFuture<?> rank) throws Exception {
        try {
            throw new AssertionError("the rank returned " + rank.get(TIMEOUT.toSeconds() * 2, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            return cause == null ? e : cause;
        }
    }

    @Override
    public void close() {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).run();
        }
    }
}
