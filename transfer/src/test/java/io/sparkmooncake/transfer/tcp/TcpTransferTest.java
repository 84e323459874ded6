// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Link;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** READ and WRITE between two transports of one process, plain and encrypted. */
final class TcpTransferTest {
    private final Ends ends = new Ends();

    @AfterEach
    void close() {
        ends.close();
    }

    private record Pair(TcpTransport owner, Link link) {}

    private Pair pair(boolean encrypted) throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(encrypted));
        TcpTransport reader = ends.start("reader", Ends.calm(encrypted));
        return new Pair(owner, Ends.link(reader, Ends.record("owner", owner)));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void readsWhatTheOwnerHolds(boolean encrypted) throws TransferException {
        Pair pair = pair(encrypted);
        TestRegion remote = TestRegion.filled(1, 40 << 20);
        TestRegion local = new TestRegion(2, 40 << 20);
        pair.owner.register(remote);
        TransferBatch batch = Ends.read(pair.link, local, 0, remote, 0, 40 << 20);
        Ends.assertCompleted(batch);
        assertThat(local.memory()).isEqualTo(remote.memory());
        assertThat(local.counts()).isEqualTo(1);
        pair.owner.unregister(remote);
        assertThat(remote.counts()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void writesWhereTheOwnerAllows(boolean encrypted) throws TransferException {
        Pair pair = pair(encrypted);
        TestRegion remote = new TestRegion(1, 40 << 20);
        TestRegion local = TestRegion.filled(2, 40 << 20);
        pair.owner.register(remote);
        TransferBatch batch = new TransferBatch(Opcode.WRITE, Ends.LONG);
        batch.add(local, 0, remote.descriptor(), 0, 40 << 20);
        Ends.assertCompleted(Ends.submit(pair.link, batch));
        assertThat(local.memory()).isEqualTo(remote.memory());
        pair.owner.unregister(remote);
        assertThat(remote.counts()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"READ", "WRITE", "READ encrypted", "WRITE encrypted"})
    void movesAnyMixtureOfLengthsAndOffsets(String how) throws TransferException {
        Pair pair = pair(how.endsWith("encrypted"));
        Opcode opcode = how.startsWith("READ") ? Opcode.READ : Opcode.WRITE;
        TestRegion local = opcode == Opcode.READ ? new TestRegion(1, 8 << 20) : TestRegion.filled(1, 8 << 20);
        TestRegion[] remotes = {TestRegion.filled(2, 8 << 20), TestRegion.filled(3, 8 << 20)};
        for (TestRegion remote : remotes) {
            pair.owner.register(remote);
        }
        for (int round = 0; round < 20; round++) {
            mixture(pair, new SplittableRandom(round), opcode, local, remotes);
        }
    }

    private void mixture(Pair pair, SplittableRandom random, Opcode opcode, TestRegion local, TestRegion[] remotes) {
        TransferBatch batch = new TransferBatch(opcode, Ends.LONG);
        int[] from = new int[500];
        int[] to = new int[500];
        int[] lengths = new int[500];
        boolean contiguous = random.nextBoolean();
        int offset = 0;
        int count = 0;
        while (count < 500 && offset < (8 << 20) - 50_000) {
            int magnitude = random.nextInt(16);
            lengths[count] = random.nextInt(1 << magnitude);
            offset += contiguous ? 0 : random.nextInt(100);
            from[count] = random.nextInt((8 << 20) - lengths[count]);
            to[count] = offset;
            if (opcode == Opcode.WRITE) {
                from[count] = offset; // targets must not overlap
            }
            batch.add(local, to[count], remotes[count % 2].descriptor(), from[count], lengths[count]);
            offset += lengths[count];
            count++;
        }
        Ends.assertCompleted(Ends.submit(pair.link, batch));
        for (int i = 0; i < count; i++) {
            assertThat(local.slice(to[i], lengths[i]))
                    .as("entry %s", i)
                    .isEqualTo(remotes[i % 2].slice(from[i], lengths[i]));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"100", "20000", "300000", "300000 encrypted"})
    void whoSeesAnEntryOfAWriteSeesThoseBeforeIt(String how) throws TransferException {
        Pair pair = pair(how.endsWith("encrypted"));
        int bytes = Integer.parseInt(how.split(" ", -1)[0]);
        int rounds = 400;
        TestRegion remote = new TestRegion(1, Long.BYTES + bytes);
        TestRegion local = new TestRegion(2, Long.BYTES + bytes);
        pair.owner.register(remote);
        ByteBuffer sent = local.memory().order(ByteOrder.nativeOrder());
        ByteBuffer landed = remote.memory();
        VarHandle head = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());
        byte[] expected = new byte[bytes];
        byte[] found = new byte[bytes];
        for (int round = 1; round <= rounds; round++) {
            Arrays.fill(expected, (byte) round);
            sent.put(Long.BYTES, expected).putLong(0, round);
            TransferBatch batch = new TransferBatch(Opcode.WRITE, Ends.LONG);
            batch.add(local, Long.BYTES, remote.descriptor(), Long.BYTES, bytes);
            batch.add(local, 0, remote.descriptor(), 0, Long.BYTES);
            Ends.submit(pair.link, batch);
            while ((long) head.getAcquire(landed, 0) != round
                    && batch.firstFailure().isEmpty()) {
                Thread.onSpinWait();
            }
            landed.get(Long.BYTES, found);
            assertThat(found).isEqualTo(expected);
            Ends.assertCompleted(batch);
        }
        pair.owner.unregister(remote);
    }

    @Test
    void refusedEntriesFailAloneAndSayWhy() throws TransferException {
        for (Opcode opcode : Opcode.values()) {
            Pair pair = pair(false);
            TestRegion remote = TestRegion.filled(1, 1 << 20);
            TestRegion local = TestRegion.filled(2, 1 << 20);
            pair.owner.register(remote);
            RegionDescriptor known = remote.descriptor();
            TransferBatch batch = new TransferBatch(opcode, Ends.LONG);
            batch.add(local, 0, known, 0, 100_000);
            batch.add(local, 100_000, new RegionDescriptor(1, 99, 1 << 20, known.location(), ""), 0, 100);
            batch.add(local, 200_000, known, (1 << 20) - 10, 50_000);
            batch.add(local, 300_000, known, 0, 0);
            batch.add(local, 300_000, new RegionDescriptor(77, 1, 1 << 20, known.location(), ""), 0, 10);
            batch.add(local, 400_000, known, -1, 10);
            batch.add(local, 500_000, known, 500_000, 100_000);
            Ends.await(Ends.submit(pair.link, batch));
            for (int good : new int[] {0, 3, 6}) {
                assertThat(batch.outcome(good).status()).isEqualTo(Status.COMPLETED);
            }
            assertThat(local.slice(500_000, 100_000)).isEqualTo(remote.slice(500_000, 100_000));
            assertThat(batch.outcome(1).failure().orElseThrow()).hasMessageContaining("key is not the region's");
            assertThat(batch.outcome(2).failure().orElseThrow())
                    .hasMessageContaining("peer owner (127.0.0.1:")
                    .hasMessageContaining(
                            "region id=1 offset=1048566 length=50000: the range is out of the region's bounds, region sizeBytes=1048576");
            assertThat(batch.outcome(4).failure().orElseThrow()).hasMessageContaining("region id=77");
            assertThat(batch.outcome(5).failure().orElseThrow().code()).isEqualTo(Code.REFUSED);
            assertThat(pair.owner.refusedRequests()).isEqualTo(4);
            ends.close();
        }
    }

    @Test
    void aBatchMayHaveMoreEntriesThanOneFrame() throws TransferException {
        Pair pair = pair(false);
        TestRegion remote = TestRegion.filled(1, 1 << 20);
        TestRegion local = new TestRegion(2, 1 << 20);
        pair.owner.register(remote);
        TransferBatch batch = new TransferBatch(Opcode.READ, Ends.LONG);
        int entries = 2 * EntryColumns.MAX_ENTRIES + 7;
        for (int i = 0; i < entries; i++) {
            batch.add(local, 10L * i, remote.descriptor(), 10L * i, 10);
        }
        Ends.assertCompleted(Ends.submit(pair.link, batch));
        assertThat(local.slice(0, 10 * entries)).isEqualTo(remote.slice(0, 10 * entries));
    }
}
