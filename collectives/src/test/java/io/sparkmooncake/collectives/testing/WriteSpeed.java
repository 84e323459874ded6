// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Store;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** WRITEs of the engine from the second host to the first, against a plain socket between the same processes, in turns. */
final class WriteSpeed {
    private static final long BYTES = 512L << 20;
    private static final int BLOCK_BYTES = 1 << 20;
    private static final int UNDER_WAY = 8;
    private static final int ROUNDS = 7;

    private final LocalEngine engine;
    private final PeerDirectory directory;
    private final Store store;

    WriteSpeed(LocalEngine engine, PeerDirectory directory, Store store) {
        this.engine = engine;
        this.directory = directory;
        this.store = store;
    }

    /** Runs the side that is written to. */
    void receive(String address) throws Exception {
        HostRegion region = Regions.allocate((long) UNDER_WAY * BLOCK_BYTES);
        engine.register(region);
        ByteArrayOutputStream descriptor = new ByteArrayOutputStream();
        region.descriptor().writeTo(new DataOutputStream(descriptor));
        put("write-region", descriptor.toByteArray());
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getByName(address), 0));
            int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
            put("write-socket", (address + ":" + port).getBytes(StandardCharsets.UTF_8));
            try (SocketChannel socket = server.accept()) {
                ByteBuffer buffer = ByteBuffer.allocateDirect(BLOCK_BYTES);
                for (int round = 0; round <= ROUNDS; round++) {
                    for (long left = BYTES; left > 0; ) {
                        buffer.clear().limit((int) Math.min(left, BLOCK_BYTES));
                        left -= socket.read(buffer);
                    }
                    int unused = socket.write(ByteBuffer.wrap(new byte[1]));
                }
            }
        }
        engine.unregister(region);
        region.release();
    }

    private void put(String key, byte[] value) throws Exception {
        store.put(key, Blob.of(value)).get(60, TimeUnit.SECONDS);
    }

    private byte[] await(String key) throws Exception {
        return store.await(key, Duration.ofSeconds(60))
                .get(60, TimeUnit.SECONDS)
                .bytes()
                .toBytes();
    }

    /** Runs the side that writes, and returns what it measured. */
    String write() throws Exception {
        Peer peer = directory.peer("exec-0").get(60, TimeUnit.SECONDS);
        RegionDescriptor remote =
                RegionDescriptor.readFrom(new DataInputStream(new ByteArrayInputStream(await("write-region"))));
        String socketAddress = new String(await("write-socket"), StandardCharsets.UTF_8);
        int colon = socketAddress.indexOf(':');
        HostRegion local = Regions.allocate((long) UNDER_WAY * BLOCK_BYTES);
        double[] writes = new double[ROUNDS];
        double[] raw = new double[ROUNDS];
        try (SocketChannel socket = SocketChannel.open(new InetSocketAddress(
                socketAddress.substring(0, colon), Integer.parseInt(socketAddress.substring(colon + 1))))) {
            for (int round = -1; round < ROUNDS; round++) {
                double ours = writeAll(peer, local, remote);
                double plain = sendAll(socket);
                if (round >= 0) {
                    writes[round] = ours;
                    raw[round] = plain;
                }
            }
        }
        local.release();
        Arrays.sort(writes);
        Arrays.sort(raw);
        double our = writes[ROUNDS / 2];
        double plain = raw[ROUNDS / 2];
        return String.format(
                Locale.ROOT,
                "WRITE of %d MiB in blocks of 1 MiB, %d under way: median %.2f GB/s, socket %.2f GB/s, ratio=%.2f",
                BYTES >> 20,
                UNDER_WAY,
                BYTES / our / 1e9,
                BYTES / plain / 1e9,
                plain / our);
    }

    private static double writeAll(Peer peer, HostRegion local, RegionDescriptor remote) throws Exception {
        Semaphore free = new Semaphore(UNDER_WAY);
        long start = System.nanoTime();
        for (int block = 0; block < BYTES / BLOCK_BYTES; block++) {
            free.acquire();
            long at = (long) (block % UNDER_WAY) * BLOCK_BYTES;
            TransferBatch batch = new TransferBatch(Opcode.WRITE, Duration.ofSeconds(30));
            batch.add(local, at, remote, at, BLOCK_BYTES);
            while (peer.submit(batch) == Peer.Submission.BUSY) {
                Thread.onSpinWait();
            }
            var unused = batch.completion().thenAccept(done -> free.release());
        }
        free.acquire(UNDER_WAY);
        return (System.nanoTime() - start) / 1e9;
    }

    private static double sendAll(SocketChannel socket) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BLOCK_BYTES);
        long start = System.nanoTime();
        for (long left = BYTES; left > 0; ) {
            buffer.clear().limit((int) Math.min(left, BLOCK_BYTES));
            left -= socket.write(buffer);
        }
        int unused = socket.read(ByteBuffer.allocate(1));
        return (System.nanoTime() - start) / 1e9;
    }
}
