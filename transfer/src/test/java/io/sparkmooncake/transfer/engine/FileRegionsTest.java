// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.tcp.Identity;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One engine reads regions of two others that lie in files. */
final class FileRegionsTest {
    private static final byte[] SECRET = "a secret of sixteen bytes or more".getBytes(StandardCharsets.UTF_8);
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int FILE_BYTES = 5 << 20;

    @TempDir
    Path directory;

    private final List<Owner> engines = new ArrayList<>();

    /** An engine with one file of random bytes and one piece of memory. */
    private static final class Owner implements RegionListener {
        private final LocalEngine engine;
        private final RegionPool files;
        private final HostRegion memory = Regions.allocate(FILE_BYTES);
        private final Extent file;
        private final byte[] bytes = new byte[FILE_BYTES];

        Owner(String name, TransferSettings settings, Path directory) throws Exception {
            engine = LocalEngine.start(new Identity(name, name.hashCode(), "127.0.0.1", SECRET), settings);
            files = RegionPool.files(List.of(directory), new RegionPool.Limits(1 << 30, 8 << 20, MINUTE), this);
            file = files.tryAllocate(FILE_BYTES).orElseThrow();
            new Random(name.hashCode()).nextBytes(bytes);
            file.write(0, ByteBuffer.wrap(bytes));
            engine.register(memory);
        }

        @Override
        public void created(HostRegion region) {
            engine.register(region);
        }

        @Override
        public void retiring(HostRegion region) {
            engine.unregister(region);
        }

        void close() {
            file.release();
            files.close();
            engine.unregister(memory);
            memory.release();
            engine.close();
        }
    }

    @AfterEach
    void close() {
        engines.forEach(Owner::close);
    }

    @ParameterizedTest
    @CsvSource({"tcp,plain", "tcp,encrypted", "shm+tcp,plain"})
    void areReadButNotWritten(String paths, String encryption) throws Exception {
        TransferSettings settings =
                TransferSettings.read(Map.of("spark.mooncake.transfer.paths", paths.replace('+', ',')));
        for (String name : List.of("reader", "owner-1", "owner-2")) {
            engines.add(
                    new Owner(name, encryption.equals("encrypted") ? settings.withEncryption() : settings, directory));
        }
        Owner reader = engines.get(0);
        Random random = new Random(7);
        for (int round = 0; round < 20; round++) {
            for (Owner owner : engines.subList(1, 3)) {
                Peer peer = reader.engine.connect(owner.engine.self()).get(60, TimeUnit.SECONDS);
                readSome(reader, owner, peer, random, round);
            }
        }
        Owner owner = engines.get(1);
        Peer peer = reader.engine.connect(owner.engine.self()).get(60, TimeUnit.SECONDS);
        TransferBatch write = new TransferBatch(Opcode.WRITE, MINUTE);
        write.add(reader.memory, 0, owner.file.region().descriptor(), owner.file.offset(), 10_000);
        TransferBatch intoFile = new TransferBatch(Opcode.READ, MINUTE);
        intoFile.add(reader.file.region(), 0, owner.memory.descriptor(), 0, 10_000);
        for (TransferBatch refused : List.of(write, intoFile)) {
            peer.submit(refused);
            refused.completion().get(60, TimeUnit.SECONDS);
            assertThat(refused.firstFailure().orElseThrow().code()).isIn(Code.REFUSED, Code.UNREACHABLE);
            assertThat(refused.firstFailure().orElseThrow()).hasMessageContaining("file");
        }
        readSome(reader, owner, peer, random, 0);
    }

    /** Requests of any length, with memory and refused ones in between. */
    private static void readSome(Owner reader, Owner owner, Peer peer, Random random, int round) throws Exception {
        TransferBatch batch = new TransferBatch(Opcode.READ, MINUTE);
        List<Integer> starts = new ArrayList<>();
        int local = 0;
        for (int i = 0; i < 12; i++) {
            int most = round % 2 == 0 ? 3_000 : FILE_BYTES / 12;
            int length = 1 + random.nextInt(most);
            int start = random.nextInt(FILE_BYTES - length);
            boolean beyond = i == 5;
            boolean inMemory = i % 4 == 3;
            batch.add(
                    reader.memory,
                    local,
                    inMemory ? owner.memory.descriptor() : owner.file.region().descriptor(),
                    beyond ? 1L << 40 : inMemory ? start : owner.file.offset() + start,
                    length);
            starts.add(beyond || inMemory ? -1 : start);
            local += length;
        }
        peer.submit(batch);
        batch.completion().get(60, TimeUnit.SECONDS);
        for (int i = 0; i < 12; i++) {
            assertThat(batch.outcome(i).status()).isEqualTo(i == 5 ? Status.FAILED : Status.COMPLETED);
            int start = starts.get(i);
            int length = (int) batch.length(i);
            if (start >= 0) {
                assertThat(reader.memory.slice(batch.localOffset(i), length))
                        .isEqualTo(ByteBuffer.wrap(owner.bytes, start, length));
            }
        }
    }
}
