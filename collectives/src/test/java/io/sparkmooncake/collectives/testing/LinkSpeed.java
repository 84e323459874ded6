// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Store;
import io.sparkmooncake.transfer.store.StoreValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * All-reduce between two hosts of one rank each against a plain socket between the same two processes, in turns: the socket moves as
 * many bytes each way at the same time as the all-reduce needs, 2·S·(N−1)/N, with a thread for each way and nothing done to the bytes.
 * Both are warm when they are measured: each size is run often before, and the compiler competes for the cores until some tens of
 * GB were moved.
 */
final class LinkSpeed {
    private static final int[] SIZES = Arrays.stream(
                    System.getProperty("mooncake.test.speed.sizes", "8,65536,1048576,8388608,67108864,134217728")
                            .split(",", -1))
            .mapToInt(Integer::parseInt)
            .toArray();
    private static final long WARM_UP_BYTES = 2L << 30;
    private static final int MAX_WARM_UPS = 4_000;
    private static final long ROUND_BYTES = 64L << 20;
    private static final int MIN_ROUNDS = 9;
    private static final int MAX_ROUNDS = 201;
    private static final int[] WARM_UP_SIZES = {1 << 20, 64 << 10, 64 << 20, 1 << 20};
    private static final int BUFFER_BYTES = 1 << 20;

    private final Communicator communicator;
    private final Store store;
    private final String address;
    private final ByteBuffer sent = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private final ByteBuffer received = ByteBuffer.allocateDirect(BUFFER_BYTES);

    LinkSpeed(Communicator communicator, Store store, String address) {
        this.communicator = communicator;
        this.store = store;
        this.address = address;
    }

    /** Returns a table, the same measurement seen from either rank. */
    String measure() throws Exception {
        StringBuilder table = new StringBuilder();
        ExecutorService sender = Executors.newSingleThreadExecutor();
        try (SocketChannel socket = connect()) {
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
            for (int bytes : WARM_UP_SIZES) {
                String unused = row(socket, sender, bytes);
            }
            for (int bytes : SIZES) {
                table.append(row(socket, sender, bytes)).append('\n');
            }
        } finally {
            sender.shutdown();
        }
        return table.toString();
    }

    private SocketChannel connect() throws Exception {
        if (communicator.membership().rank() == 0) {
            try (ServerSocketChannel server = ServerSocketChannel.open()) {
                server.bind(new InetSocketAddress(InetAddress.getByName(address), 0));
                InetSocketAddress bound = (InetSocketAddress) server.getLocalAddress();
                store.put("raw", Blob.of(address + ":" + bound.getPort())).get(60, TimeUnit.SECONDS);
                return server.accept();
            }
        }
        StoreValue value = store.await("raw", Duration.ofSeconds(60)).get(60, TimeUnit.SECONDS);
        String text = new String(value.bytes().toBytes(), StandardCharsets.UTF_8);
        int colon = text.indexOf(':');
        return SocketChannel.open(
                new InetSocketAddress(text.substring(0, colon), Integer.parseInt(text.substring(colon + 1))));
    }

    private String row(SocketChannel socket, ExecutorService sender, int bytes) throws Exception {
        double[] values = new double[bytes / Double.BYTES];
        Elements elements = Elements.of(values);
        int rounds = (int) Math.max(MIN_ROUNDS, Math.min(MAX_ROUNDS, ROUND_BYTES / bytes | 1));
        int warmUps = (int) Math.max(2, Math.min(MAX_WARM_UPS, WARM_UP_BYTES / bytes));
        double[] ours = new double[rounds];
        double[] raw = new double[rounds];
        for (int round = -warmUps; round < rounds; round++) {
            communicator.barrier();
            long start = System.nanoTime();
            communicator.allReduce(elements, elements, ReduceOp.SUM);
            long middle = System.nanoTime();
            communicator.barrier();
            long rawStart = System.nanoTime();
            exchange(socket, sender, bytes);
            if (round >= 0) {
                ours[round] = (middle - start) / 1e3;
                raw[round] = (System.nanoTime() - rawStart) / 1e3;
            }
        }
        Arrays.sort(ours);
        Arrays.sort(raw);
        double our = ours[rounds / 2];
        double plain = raw[rounds / 2];
        return String.format(
                Locale.ROOT,
                "%d bytes: all-reduce median=%.0f us min=%.0f us %.2f GB/s, socket median=%.0f us min=%.0f us %.2f GB/s, ratio=%.2f",
                bytes,
                our,
                ours[0],
                bytes / our / 1e3,
                plain,
                raw[0],
                bytes / plain / 1e3,
                plain / our);
    }

    /** Sends and receives at the same time. */
    private void exchange(SocketChannel socket, ExecutorService sender, int bytes) throws Exception {
        Future<?> all = sender.submit(() -> send(socket, bytes));
        for (long left = bytes; left > 0; ) {
            received.clear().limit((int) Math.min(left, BUFFER_BYTES));
            int read = socket.read(received);
            if (read < 0) {
                throw new IOException("the other rank closed the socket");
            }
            left -= read;
        }
        all.get();
    }

    private void send(SocketChannel socket, int bytes) {
        try {
            for (long left = bytes; left > 0; ) {
                sent.clear().limit((int) Math.min(left, BUFFER_BYTES));
                left -= socket.write(sent);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
