// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Link;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** READs of regions that are not addressable: who waits for the disk, and what a disk that fails costs. */
final class FileBodiesTest {
    private static final int REGION_BYTES = 8 << 20;
    private static final int BROKEN_AT = 3_000_000;

    private final Ends ends = new Ends();
    private final Set<String> readers = ConcurrentHashMap.newKeySet();

    @AfterEach
    void close() {
        ends.close();
    }

    /** A file one byte of which cannot be read. */
    private final class BrokenFile implements HostRegion {
        private final TestRegion bytes = TestRegion.filled(1, REGION_BYTES);

        @Override
        public boolean isAddressable() {
            return false;
        }

        @Override
        public void readFully(long offset, ByteBuffer target) throws IOException {
            readers.add(Thread.currentThread().getName());
            if (offset <= BROKEN_AT && offset + target.remaining() > BROKEN_AT) {
                throw new IOException("a test's bad sector");
            }
            target.put(bytes.slice(offset, target.remaining()));
        }

        @Override
        public ByteBuffer slice(long offset, int length) {
            throw new UnsupportedOperationException("a file");
        }

        @Override
        public long address(long offset) {
            throw new UnsupportedOperationException("a file");
        }

        @Override
        public long id() {
            return bytes.id();
        }

        @Override
        public RegionDescriptor descriptor() {
            return bytes.descriptor();
        }

        @Override
        public long sizeBytes() {
            return bytes.sizeBytes();
        }

        @Override
        public Location location() {
            return bytes.location();
        }

        @Override
        public void retain() {
            bytes.retain();
        }

        @Override
        public boolean tryRetain() {
            return bytes.tryRetain();
        }

        @Override
        public void release() {
            bytes.release();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void refusesAloneWhatCannotBeRead(boolean encrypted) throws Exception {
        TcpTransport owner = ends.start("owner", Ends.calm(encrypted));
        TcpTransport reader = ends.start("reader", Ends.calm(encrypted));
        Link link = Ends.link(reader, Ends.record("owner", owner));
        BrokenFile file = new BrokenFile();
        TestRegion memory = TestRegion.filled(2, REGION_BYTES);
        TestRegion local = new TestRegion(3, REGION_BYTES);
        owner.register(file);
        owner.register(memory);
        int[][] entries = {
            {1, 0, 100},
            {1, 200, 700_000},
            {2, 5, 300_000},
            {1, BROKEN_AT - 600_000, 1_000_000},
            {1, BROKEN_AT + 1, 10},
            {1, BROKEN_AT - 5, 10},
            {2, 7, 10},
            {1, BROKEN_AT + 1, 2_000_000}
        };
        for (int round = 0; round < 5; round++) {
            local.fill((byte) 0);
            TransferBatch batch = new TransferBatch(Opcode.READ, Ends.LONG);
            List<Integer> places = new ArrayList<>();
            int at = 0;
            for (int[] entry : entries) {
                batch.add(local, at, (entry[0] == 1 ? file.bytes : memory).descriptor(), entry[1], entry[2]);
                places.add(at);
                at += entry[2];
            }
            Ends.submit(link, batch).completion().get(60, TimeUnit.SECONDS);
            for (int i = 0; i < entries.length; i++) {
                TestRegion remote = entries[i][0] == 1 ? file.bytes : memory;
                boolean broken = i == 3 || i == 5;
                assertThat(batch.outcome(i).status())
                        .as("entry %d", i)
                        .isEqualTo(broken ? Status.FAILED : Status.COMPLETED);
                if (broken) {
                    TransferException failure = batch.outcome(i).failure().orElseThrow();
                    assertThat(failure.code()).isEqualTo(Code.REFUSED);
                    assertThat(failure).hasMessageContaining("could not be read");
                } else {
                    assertThat(local.slice(places.get(i), entries[i][2]))
                            .as("entry %d", i)
                            .isEqualTo(remote.slice(entries[i][1], entries[i][2]));
                }
            }
        }
        assertThat(readers).isNotEmpty().allMatch(name -> name.startsWith("mooncake-disk-owner-"));
        owner.unregister(file);
        owner.unregister(memory);
        assertThat(List.of(file.bytes.counts(), memory.counts(), local.counts()))
                .containsOnly(1);
    }
}
