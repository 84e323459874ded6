// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.StoreChannel;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * An executor in a JVM of its own. Its store is the parent's, asked over standard output and answered over standard input, one
 * line of base 64 each. The service {@code region} answers with the descriptor of a region that holds its own process id; the
 * service {@code end} ends the process in order. Arguments: name, epoch, paths.
 */
public final class EngineMain {
    private EngineMain() {}

    /** Starts the executor. */
    public static void main(String[] args) throws Exception {
        PrintStream asks = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StoreChannel channel = request -> {
            asks.println(Base64.getEncoder().encodeToString(request));
            String answer = answers.readLine();
            if (answer == null) {
                throw new EOFException("the parent is gone");
            }
            return Base64.getDecoder().decode(answer);
        };
        TransferSettings settings = TransferSettings.read(Map.of("spark.mooncake.transfer.paths", args[2]));
        Identity identity = new Identity(
                args[0], Long.parseLong(args[1]), "127.0.0.1", EngineProcess.SECRET.getBytes(StandardCharsets.UTF_8));
        CountDownLatch end = new CountDownLatch(1);
        try (LocalEngine engine = LocalEngine.start(identity, settings);
                RemoteStore store = RemoteStore.start(args[0], engine.agent(), channel, Duration.ofSeconds(60))) {
            HostRegion region = Regions.create(Path.of("/dev/shm"), 1 << 20, Location.ANY);
            region.slice(0, Long.BYTES).putLong(0, ProcessHandle.current().pid());
            engine.register(region);
            engine.serve("region", (from, request) -> describe(region));
            engine.serve("end", (from, request) -> {
                end.countDown();
                return ByteBuffer.allocate(0);
            });
            PeerDirectory directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
            end.await();
            directory.close();
            engine.unregister(region);
            region.release();
        }
    }

    private static ByteBuffer describe(HostRegion region) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        region.descriptor().writeTo(new DataOutputStream(bytes));
        return ByteBuffer.wrap(bytes.toByteArray());
    }
}
