// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.tcp.Identity;
import io.sparkmooncake.transfer.testing.OtherProcess;
import io.sparkmooncake.transfer.testing.OtherProcess.Ended;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three engines whose memory file system is full, or becomes it. */
final class FullMemoryTest {
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final byte[] SECRET = "a secret of the application".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path dir;

    private final HostedStore host = new HostedStore(1 << 20);
    private final List<AutoCloseable> opened = new ArrayList<>();
    private boolean mounted;

    private record Executor(LocalEngine engine, PeerDirectory directory) {}

    @AfterEach
    void close() throws Exception {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
        if (mounted) {
            Ended ended = OtherProcess.run(List.of("umount", dir.toString()));
            assertThat(ended.status()).as(ended.output()).isZero();
        }
    }

    private void mount(String size) throws Exception {
        OtherProcess.assumeRoot("mounting a tmpfs");
        Ended ended = OtherProcess.run(List.of("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", dir.toString()));
        assertThat(ended.status()).as(ended.output()).isZero();
        mounted = true;
    }

    private Executor start(String name) throws Exception {
        TransferSettings settings = TransferSettings.read(
                Map.of("spark.mooncake.transfer.paths", "shm,tcp", "spark.mooncake.memory.dir", dir.toString()));
        LocalEngine engine = LocalEngine.start(new Identity(name, name.hashCode(), "127.0.0.1", SECRET), settings);
        opened.add(engine);
        RemoteStore store = RemoteStore.start(name, engine.agent(), host::answer, TIMEOUT);
        opened.add(store);
        PeerDirectory directory =
                PeerDirectory.join(engine, store.namespace("app")).get(4, TimeUnit.MINUTES);
        opened.add(directory);
        return new Executor(engine, directory);
    }

    private static String paths(Executor from, String to) throws Exception {
        Peer peer = from.directory.peer(to).get(4, TimeUnit.MINUTES);
        return peer.paths().toString();
    }

    @Test
    void enginesOnAFullFileSystemConnectOverTcpAndGiveTheReason() throws Exception {
        mount("2m");
        Files.write(dir.resolve("others"), new byte[2 << 20]);
        Executor one = start("one");
        start("two");
        start("three");
        assertThat(paths(one, "two")).contains("tcp", "No space left");
        assertThat(paths(one, "three")).contains("tcp", "No space left");
    }

    @Test
    void anEngineConnectsOverSharedMemoryThatBecameFull() throws Exception {
        mount("8m");
        Executor one = start("one");
        start("two");
        start("three");
        assertThat(paths(one, "two")).contains("shm");
        Files.write(dir.resolve("others"), new byte[(int) dir.toFile().getUsableSpace()]);
        assertThat(paths(one, "three")).contains("shm");
    }

    @Test
    void everySlotOfControlMemoryCanBeWrittenOnAFullFileSystem() throws Exception {
        mount("2m");
        WarmUpSlots slots = new WarmUpSlots(
                size -> {
                    try {
                        return Regions.createReserved(dir, size, Location.ANY);
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                },
                region -> {});
        opened.add(slots);
        List<WarmUpSlots.Slot> taken = new ArrayList<>(List.of(slots.acquire()));
        Files.write(dir.resolve("others"), new byte[(int) dir.toFile().getUsableSpace()]);
        for (int i = 1; i < WarmUpSlots.SLOTS_PER_REGION; i++) {
            taken.add(slots.acquire());
        }
        WarmUpSlots.Word word = new WarmUpSlots.Word(7, 8);
        taken.forEach(slot -> slot.write(0, word));
        assertThat(taken).allSatisfy(slot -> assertThat(slot.read(0)).isEqualTo(word));
    }
}
