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
import java.util.concurrent.TimeUnit;

/**
 * All-reduce between two hosts of one rank each against a plain socket between the same two processes, in turns: the socket moves as
 * many bytes each way at the same time as the all-reduce needs, 2·S·(N−1)/N, with a thread each and nothing done to the bytes.
 */
final class LinkSpeed {
    private static final int[] SIZES = {8, 64 << 10, 1 << 20, 8 << 20, 64 << 20, 128 << 20};
    private static final int ROUNDS = 9;
    private static final int BUFFER_BYTES = 1 << 20;

    private final Communicator communicator;
    private final Store store;
    private final String address;

    LinkSpeed(Communicator communicator, Store store, String address) {
        this.communicator = communicator;
        this.store = store;
        this.address = address;
    }

    /** Returns a table, the same measurement seen from either rank. */
    String measure() throws Exception {
        StringBuilder table = new StringBuilder();
        try (SocketChannel socket = connect()) {
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
            for (int bytes : SIZES) {
                table.append(row(socket, bytes)).append('\n');
            }
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

    private String row(SocketChannel socket, int bytes) throws Exception {
        double[] values = new double[bytes / Double.BYTES];
        Elements elements = Elements.of(values);
        double[] ours = new double[ROUNDS];
        double[] raw = new double[ROUNDS];
        for (int round = -2; round < ROUNDS; round++) {
            communicator.barrier();
            long start = System.nanoTime();
            communicator.allReduce(elements, elements, ReduceOp.SUM);
            long middle = System.nanoTime();
            communicator.barrier();
            long rawStart = System.nanoTime();
            exchange(socket, bytes);
            if (round >= 0) {
                ours[round] = (middle - start) / 1e3;
                raw[round] = (System.nanoTime() - rawStart) / 1e3;
            }
        }
        Arrays.sort(ours);
        Arrays.sort(raw);
        double our = ours[ROUNDS / 2];
        double plain = raw[ROUNDS / 2];
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
    private static void exchange(SocketChannel socket, int bytes) throws Exception {
        Thread sender = new Thread(() -> send(socket, bytes), "raw-sender");
        sender.start();
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        for (long left = bytes; left > 0; ) {
            buffer.clear().limit((int) Math.min(left, BUFFER_BYTES));
            int read = socket.read(buffer);
            if (read < 0) {
                throw new IOException("the other rank closed the socket");
            }
            left -= read;
        }
        sender.join();
    }

    private static void send(SocketChannel socket, int bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        try {
            for (long left = bytes; left > 0; ) {
                buffer.clear().limit((int) Math.min(left, BUFFER_BYTES));
                left -= socket.write(buffer);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
