// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Arguments;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Measures READs of 1 MiB blocks between two processes against what the path itself can carry: a plain copy of mapped memory,
 * and a plain copy from socket to socket; in turns, in one run. The program behind {@code bin/bench transfer}.
 */
public final class TransferBenchMain {
    private static final int BLOCK_BYTES = 1 << 20;
    private static final long BATCH_BYTES = 32L << 20;
    private static final int BATCHES_IN_FLIGHT = 4;

    /** Enough for the compiler to be done with both processes: it has the same two cores. */
    private static final int WARM_UPS = 40;

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final TransferOwner owner;
    private final int rounds;
    private final long bytes;
    private final HostRegion local;

    private TransferBenchMain(TransferOwner owner, int rounds, long bytes) {
        this.owner = owner;
        this.rounds = rounds;
        this.bytes = bytes;
        this.local = Regions.allocate(TransferOwner.REGION_BYTES);
    }

    private interface Work {
        void run() throws IOException;
    }

    /** Runs the comparison, prints one table and writes {@code transfer.json}. */
    public static void main(String[] words) throws Exception {
        Set<String> known = new HashSet<>(Setting.ARGUMENTS);
        known.addAll(Set.of("rounds", "mebibytes"));
        Arguments arguments = Arguments.parse(words, known);
        Setting setting = Setting.of(arguments);
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        Report report;
        try (TransferOwner owner = TransferOwner.start()) {
            TransferBenchMain bench = new TransferBenchMain(
                    owner,
                    arguments.count("rounds", 15),
                    Math.max(1, arguments.number("mebibytes", 1024) * (1L << 20) / BATCH_BYTES) * BATCH_BYTES);
            report = new Report(
                    "transfer",
                    List.of("mooncake", "limit"),
                    Machine.here(setting.sparkVersion()),
                    List.of(bench.sharedMemory(), bench.tcp()));
        }
        Path file = setting.output().resolve("transfer.json");
        report.write(file);
        out.println(report.table());
        out.println();
        out.println("ratio: mooncake by the path's limit, medians; 1 is the limit. Samples: " + file);
    }

    private Report.Row sharedMemory() throws Exception {
        try (LocalEngine engine = TransferOwner.engine("reader-shm", "shm")) {
            Peer peer = connect(engine);
            HostRegion mapped = peer.map(owner.region()).orElseThrow();
            Report.Row row = compare("shm READ, 1 MiB blocks", () -> read(peer), () -> copy(mapped));
            mapped.release();
            return row;
        }
    }

    private Report.Row tcp() throws Exception {
        try (LocalEngine engine = TransferOwner.engine("reader-tcp", "tcp");
                SocketChannel raw =
                        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), owner.rawPort()))) {
            Peer peer = connect(engine);
            return compare("tcp READ, 1 MiB blocks", () -> read(peer), () -> receive(raw));
        }
    }

    private Peer connect(LocalEngine engine) throws InterruptedException, ExecutionException, TimeoutException {
        return engine.connect(owner.record()).get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
    }

    private Report.Row compare(String name, Work ours, Work limit) throws IOException {
        List<Double> our = new ArrayList<>();
        List<Double> limits = new ArrayList<>();
        for (int round = -WARM_UPS; round < rounds; round++) {
            double oursRate = gigabytesPerSecond(ours);
            double limitRate = gigabytesPerSecond(limit);
            if (round >= 0) {
                our.add(oursRate);
                limits.add(limitRate);
            }
        }
        Samples samples = new Samples(our, limits);
        return new Report.Row(name, samples.oursMedian(), samples.peerMedian(), samples.ratio(), "GB/s", samples);
    }

    private double gigabytesPerSecond(Work work) throws IOException {
        long start = System.nanoTime();
        work.run();
        return bytes / (double) (System.nanoTime() - start);
    }

    /** Keeps a few batches in flight, as a reduce task does. */
    private void read(Peer peer) throws IOException {
        ArrayDeque<TransferBatch> inFlight = new ArrayDeque<>();
        for (long done = 0; done < bytes; done += BATCH_BYTES) {
            if (inFlight.size() == BATCHES_IN_FLIGHT) {
                finish(inFlight.remove());
            }
            long from = done % TransferOwner.REGION_BYTES;
            TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
            for (long at = from; at < from + BATCH_BYTES; at += BLOCK_BYTES) {
                batch.add(local, at, owner.region(), at, BLOCK_BYTES);
            }
            if (peer.submit(batch) != Peer.Submission.ACCEPTED) {
                throw new BenchFailure("the peer took no batch of bytes=" + batch.totalBytes());
            }
            inFlight.add(batch);
        }
        for (TransferBatch batch : inFlight) {
            finish(batch);
        }
        long last = TransferOwner.REGION_BYTES - Long.BYTES;
        if (local.slice(last, Long.BYTES).getLong(0) != last * 0x9E3779B97F4A7C15L) {
            throw new BenchFailure("the bytes that were read are not the owner's");
        }
        local.slice(last, Long.BYTES).putLong(0, 0);
    }

    private static void finish(TransferBatch batch) throws TransferException {
        batch.completion().join();
        if (batch.firstFailure().isPresent()) {
            throw batch.firstFailure().get();
        }
    }

    private void copy(HostRegion mapped) {
        for (long done = 0; done < bytes; done += BLOCK_BYTES) {
            long at = done % TransferOwner.REGION_BYTES;
            local.slice(at, BLOCK_BYTES).put(mapped.slice(at, BLOCK_BYTES));
        }
    }

    private void receive(SocketChannel raw) throws IOException {
        ByteBuffer wish = ByteBuffer.allocate(16).putLong(0, BLOCK_BYTES).putLong(8, bytes);
        while (wish.hasRemaining()) {
            raw.write(wish);
        }
        for (long done = 0; done < bytes; done += BLOCK_BYTES) {
            ByteBuffer target = local.slice(done % TransferOwner.REGION_BYTES, BLOCK_BYTES);
            while (target.hasRemaining()) {
                if (raw.read(target) < 0) {
                    throw new BenchFailure("the owner closed the raw socket");
                }
            }
        }
    }
}
