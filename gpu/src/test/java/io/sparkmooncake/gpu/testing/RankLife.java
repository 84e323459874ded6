// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.StoreChannel;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What a forked process has to join communicators over the host: an engine, and the store of its parent. */
final class RankLife implements AutoCloseable {
    private final LocalEngine engine;
    private final RemoteStore store;
    private final PeerDirectory directory;
    private final Rendezvous rendezvous;

    RankLife(int rank, Duration timeout) throws Exception {
        String name = "exec-" + rank;
        StoreChannel channel = channel();
        Identity identity = new Identity(
                name, 100 + rank, "127.0.0.1", "a secret of the application".getBytes(StandardCharsets.UTF_8));
        engine = LocalEngine.start(identity, TransferSettings.read(Map.of("spark.mooncake.connect.timeout", "60s")));
        store = RemoteStore.start(name, engine.agent(), channel, Duration.ofSeconds(30));
        directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
        rendezvous = new Rendezvous(engine, directory, store, new Rendezvous.Options(timeout, 64 << 10));
    }

    private static StoreChannel channel() {
        PrintStream asks = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        return request -> {
            asks.println(Base64.getEncoder().encodeToString(request));
            String answer = answers.readLine();
            if (answer == null) {
                throw new EOFException("the parent is gone");
            }
            return Base64.getDecoder().decode(answer);
        };
    }

    Communicator join(Membership self) throws Exception {
        return rendezvous.join(self);
    }

    @Override
    public void close() {
        directory.close();
        store.close();
        engine.close();
    }
}
