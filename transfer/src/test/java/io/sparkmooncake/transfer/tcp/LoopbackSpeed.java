// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Link;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Measures READ between two JVMs over loopback against a blocking copy from socket to socket, in turns, and prints medians.
 * Arguments: rounds, MiB a round, and settings as {@code key=value}.
 */
final class LoopbackSpeed {
    private static final long REGION_BYTES = 256L << 20;

    private final Link link;
    private final SpeedOwner owner;
    private final HostRegion local;
    private final SocketChannel raw;

    private LoopbackSpeed(Link link, SpeedOwner owner) throws IOException {
        this.link = link;
        this.owner = owner;
        this.local = Regions.allocate(REGION_BYTES);
        for (long offset = 0; offset < REGION_BYTES; offset += 4096) {
            local.slice(offset, 1).put(0, (byte) 1);
        }
        this.raw = SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), owner.rawPort()));
        raw.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }

    public static void main(String[] arguments) throws Exception {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 15;
        long bytes = (arguments.length > 1 ? Long.parseLong(arguments[1]) : 1024) << 20;
        String[] settings = arguments.length > 2 ? Arrays.copyOfRange(arguments, 2, arguments.length) : new String[0];
        boolean encrypted = Arrays.asList(settings).contains("spark.network.crypto.enabled=true");
        try (SpeedOwner owner = SpeedOwner.start(REGION_BYTES, settings);
                Ends ends = new Ends()) {
            TcpTransport reader = ends.start("reader", Ends.calm(encrypted));
            LoopbackSpeed speed = new LoopbackSpeed(Ends.link(reader, owner.record()), owner);
            for (int block : new int[] {1 << 20, 64 << 10}) {
                speed.compare(rounds, block, bytes);
            }
            for (int block : new int[] {200, 4000}) {
                speed.small(rounds, block);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private void compare(int rounds, int block, long bytes) throws IOException {
        List<Double> reads = new ArrayList<>();
        List<Double> copies = new ArrayList<>();
        double readCpuMillis = 0;
        double copyCpuMillis = 0;
        for (int round = -3; round < rounds; round++) {
            double before = cpuMillis();
            double read = rate(bytes, () -> read(block, bytes));
            double between = cpuMillis();
            double copy = rate(bytes, () -> copy(block, bytes));
            if (round >= 0) {
                reads.add(read);
                copies.add(copy);
                readCpuMillis += between - before;
                copyCpuMillis += cpuMillis() - between;
            }
        }
        double gib = rounds * (double) bytes / (1L << 30);
        print(
                "block=%d bytes: READ %.2f GB/s, raw sockets %.2f GB/s, ratio %.3f (medians of %d rounds);"
                        + " CPU of both processes %.0f and %.0f ms/GiB",
                block,
                median(reads),
                median(copies),
                median(reads) / median(copies),
                rounds,
                readCpuMillis / gib,
                copyCpuMillis / gib);
    }

    private interface Work {
        void run() throws IOException;
    }

    private static double rate(long amount, Work work) throws IOException {
        long start = System.nanoTime();
        work.run();
        return amount / (double) (System.nanoTime() - start);
    }

    /** Returns the CPU time of this process and the owner's. */
    private double cpuMillis() {
        return Stream.of(ProcessHandle.current(), owner.handle())
                .mapToDouble(process ->
                        process.info().totalCpuDuration().orElseThrow().toMillis())
                .sum();
    }

    /** Keeps four batches of an eighth of the region in flight, as a reduce task keeps several. */
    private void read(int block, long bytes) {
        ArrayDeque<TransferBatch> inFlight = new ArrayDeque<>();
        long done = 0;
        while (done < bytes) {
            if (inFlight.size() == 4) {
                Ends.assertCompleted(inFlight.remove());
            }
            TransferBatch batch = new TransferBatch(Opcode.READ, Ends.LONG);
            for (long end = done + REGION_BYTES / 8; done < end; done += block) {
                batch.add(local, done % REGION_BYTES, owner.region(), done % REGION_BYTES, block);
            }
            inFlight.add(Ends.submit(link, batch));
        }
        inFlight.forEach(Ends::assertCompleted);
    }

    private void copy(int block, long bytes) throws IOException {
        raw.write(ByteBuffer.allocate(16).putLong(0, block).putLong(8, bytes));
        for (long done = 0; done < bytes; done += block) {
            ByteBuffer target = local.slice(done % REGION_BYTES, block);
            while (target.hasRemaining()) {
                if (raw.read(target) < 0) {
                    throw new IOException("the owner is gone");
                }
            }
        }
    }

    /** Batches of 5,000 scattered blocks that land one after the other, as a reduce task reads them. */
    private void small(int rounds, int block) throws IOException {
        int entries = 5_000;
        List<Double> rates = new ArrayList<>();
        for (int round = -20; round < 10 * rounds; round++) {
            TransferBatch batch = new TransferBatch(Opcode.READ, Ends.LONG);
            for (int i = 0; i < entries; i++) {
                long scattered = (i * 7919L + round * 31L) % (REGION_BYTES / 4096 - 1) * 4096;
                batch.add(local, (long) i * block, owner.region(), Math.abs(scattered), block);
            }
            double rate = rate(entries, () -> Ends.assertCompleted(Ends.submit(link, batch)));
            if (round >= 0) {
                rates.add(rate * 1e9);
            }
        }
        print(
                "block=%d bytes, %d in a batch: %.0f blocks/s (median of %d batches)",
                block, entries, median(rates), rates.size());
    }

    private static double median(List<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    private static void print(String format, Object... values) {
        System.out.println(String.format(Locale.ROOT, format, values));
    }
}
