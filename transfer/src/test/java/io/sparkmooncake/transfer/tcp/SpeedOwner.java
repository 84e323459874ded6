// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.ProcessBuilder.Redirect;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/** The owner of {@link LoopbackSpeed} in a JVM of its own; it also copies its region over a raw socket. */
final class SpeedOwner implements AutoCloseable {
    private final Process process;
    private final int port;
    private final int rawPort;
    private final RegionDescriptor region;

    private SpeedOwner(Process process, String[] words) {
        this.process = process;
        this.port = Integer.parseInt(words[1]);
        this.rawPort = Integer.parseInt(words[2]);
        this.region = new RegionDescriptor(
                Long.parseLong(words[3]), Long.parseLong(words[4]), Long.parseLong(words[5]), Location.ANY, "");
    }

    /** Starts the JVM with a region of this size, and settings as {@code key=value}. */
    static SpeedOwner start(long regionBytes, String... settings) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:MaxDirectMemorySize=3g",
                "-Dio.netty.tryReflectionSetAccessible=true",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                SpeedOwner.class.getName(),
                Long.toString(regionBytes)));
        command.addAll(Arrays.asList(settings));
        Process process = new ProcessBuilder(command)
                .redirectError(Redirect.appendTo(new File(System.getProperty("java.io.tmpdir"), "speed-owner.log")))
                .start();
        BufferedReader out = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (line.startsWith("READY ")) {
                return new SpeedOwner(process, line.split(" ", -1));
            }
        }
        throw new IOException("the owner process ended before it was ready: see speed-owner.log");
    }

    PeerRecord record() {
        return Ends.record("owner", port);
    }

    RegionDescriptor region() {
        return region;
    }

    ProcessHandle handle() {
        return process.toHandle();
    }

    int rawPort() {
        return rawPort;
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(60, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** What byte {@code offset} of every owner's region is. */
    static long word(long index) {
        return new SplittableRandom(index).nextLong();
    }

    public static void main(String[] arguments) throws Exception {
        long regionBytes = Long.parseLong(arguments[0]);
        Map<String, String> settings = new HashMap<>();
        Arrays.stream(arguments).skip(1).forEach(pair -> {
            int equals = pair.indexOf('=');
            settings.put(pair.substring(0, equals), pair.substring(equals + 1));
        });
        HostRegion region = Regions.allocate(regionBytes);
        for (long offset = 0; offset < regionBytes; offset += 8) {
            region.slice(offset, 8).putLong(0, word(offset / 8));
        }
        try (Ends ends = new Ends();
                ServerSocketChannel raw =
                        ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
            TcpTransport transport = ends.start("owner", Ends.settings(settings));
            transport.serve("echo", (from, request) -> request);
            transport.register(region);
            Thread copier = new Thread(() -> serveRaw(raw, region), "raw-copier");
            copier.setDaemon(true);
            copier.start();
            System.out.println("READY " + transport.port() + " " + ((InetSocketAddress) raw.getLocalAddress()).getPort()
                    + " " + region.id() + " " + region.descriptor().key() + " " + regionBytes);
            while (System.in.read() >= 0) {
                // Ends with the process that started it.
            }
        }
        Runtime.getRuntime().halt(0);
    }

    /** For each 16 bytes (block bytes, total bytes) sends that much of the region, block by block. */
    private static void serveRaw(ServerSocketChannel listener, HostRegion region) {
        try (SocketChannel socket = listener.accept()) {
            ByteBuffer request = ByteBuffer.allocate(16);
            while (true) {
                request.clear();
                while (request.hasRemaining()) {
                    if (socket.read(request) < 0) {
                        return;
                    }
                }
                int block = (int) request.getLong(0);
                long total = request.getLong(8);
                for (long sent = 0; sent < total; sent += block) {
                    ByteBuffer slice = region.slice(sent % region.sizeBytes(), block);
                    while (slice.hasRemaining()) {
                        socket.write(slice);
                    }
                }
            }
        } catch (IOException e) {
            System.err.println("raw copier ended: " + e);
        }
    }
}
