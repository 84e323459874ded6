// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;

/**
 * The other process of {@link TransferBenchMain}: owns a region, and serves the same bytes over a plain socket to compare with.
 * It ends when its standard input does.
 */
final class TransferOwner implements AutoCloseable {
    static final long REGION_BYTES = 256L << 20;
    private static final byte[] SECRET = new byte[32];

    private final Process process;
    private final PeerRecord record;
    private final RegionDescriptor region;
    private final int rawPort;

    private TransferOwner(Process process, PeerRecord record, RegionDescriptor region, int rawPort) {
        this.process = process;
        this.record = record;
        this.region = region;
        this.rawPort = rawPort;
    }

    /** Starts the process and waits for what it says about itself. */
    static TransferOwner start() throws IOException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        TransferOwner.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader said =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String[] words = line(said).split(" ", -1);
        byte[] described = HexFormat.of().parseHex(words[1]);
        return new TransferOwner(
                process,
                PeerRecord.decode(HexFormat.of().parseHex(words[0])),
                RegionDescriptor.readFrom(new DataInputStream(new ByteArrayInputStream(described))),
                Integer.parseInt(words[2]));
    }

    private static String line(BufferedReader said) throws IOException {
        String line = said.readLine();
        if (line == null) {
            throw new BenchFailure("the owner process ended before it was ready; see its error above");
        }
        return line;
    }

    PeerRecord record() {
        return record;
    }

    RegionDescriptor region() {
        return region;
    }

    int rawPort() {
        return rawPort;
    }

    /** Starts an engine of this application with one path. */
    static LocalEngine engine(String name, String path) throws IOException {
        TransferSettings settings = TransferSettings.read(Map.of("spark.mooncake.transfer.paths", path));
        return LocalEngine.start(new Identity(name, System.nanoTime(), "127.0.0.1", SECRET), settings);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    /** The other process's program. */
    public static void main(String[] words) throws IOException {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        try (LocalEngine engine = engine("owner", "shm,tcp");
                ServerSocketChannel server =
                        ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
            HostRegion region = Regions.create(Path.of("/dev/shm"), REGION_BYTES, Location.ANY);
            for (long at = 0; at < REGION_BYTES; at += Long.BYTES) {
                region.slice(at, Long.BYTES).putLong(0, at * 0x9E3779B97F4A7C15L);
            }
            engine.register(region);
            ByteArrayOutputStream described = new ByteArrayOutputStream();
            region.descriptor().writeTo(new DataOutputStream(described));
            Thread raw = new Thread(() -> serve(server, region), "raw-socket");
            raw.setDaemon(true);
            raw.start();
            out.println(HexFormat.of().formatHex(engine.self().encode()) + " "
                    + HexFormat.of().formatHex(described.toByteArray()) + " "
                    + server.socket().getLocalPort());
            int ended = System.in.read();
            while (ended >= 0) {
                ended = System.in.read();
            }
            engine.unregister(region);
            region.release();
        }
    }

    /** Sends blocks of the region as fast as the socket takes them: block size and bytes are asked for. */
    private static void serve(ServerSocketChannel server, HostRegion region) {
        try (SocketChannel socket = server.accept()) {
            ByteBuffer wish = ByteBuffer.allocate(16);
            while (socket.read(wish) >= 0) {
                if (!wish.hasRemaining()) {
                    int block = (int) wish.getLong(0);
                    for (long done = 0, bytes = wish.getLong(8); done < bytes; done += block) {
                        ByteBuffer source = region.slice(done % REGION_BYTES, block);
                        while (source.hasRemaining()) {
                            socket.write(source);
                        }
                    }
                    wish.clear();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
