// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.Unpooled;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.spi.Link;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Peers that stall, lie, or stop reading; made by hand. */
final class FaultTest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int MIB = 1 << 20;

    private final Ends ends = new Ends();
    private ServerSocket listener;

    @BeforeEach
    void listen() throws IOException {
        listener = HandMade.listen();
    }

    @AfterEach
    void close() throws IOException {
        ends.close();
        listener.close();
    }

    private record RogueLink(Link link, HandMade owner) {}

    /** Links a real reader to an owner made by hand. */
    private RogueLink rogue(TransferSettings settings) throws IOException {
        TcpTransport reader = ends.start("reader", settings);
        CompletableFuture<HandMade> answered = CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return HandMade.answer(listener);
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                },
                ends.controlThreads());
        Link link = Ends.link(reader, Ends.record("rogue", listener.getLocalPort()));
        return new RogueLink(link, answered.orTimeout(60, TimeUnit.SECONDS).join());
    }

    private static TransferBatch batch(Opcode opcode, Duration timeout, TestRegion local, int bytes) {
        TransferBatch batch = new TransferBatch(opcode, timeout);
        batch.add(local, 0, new TestRegion(9, 16).descriptor(), 0, bytes);
        return batch;
    }

    private static byte[] body(int bytes, int value) {
        byte[] body = new byte[bytes];
        Arrays.fill(body, (byte) value);
        return body;
    }

    private static TransferException failure(TransferBatch batch) {
        return Ends.await(batch).firstFailure().orElseThrow();
    }

    @Test
    void lateBytesOfABatchThatTimedOutOrWasCancelledTouchNoMemory() throws IOException {
        RogueLink rogue = rogue(Ends.calm(false));
        int sent = 300_000 + WakeUpThreshold.BYTES; // the last of it may stay in the kernel until more comes
        for (boolean cancelled : new boolean[] {false, true}) {
            TestRegion local = new TestRegion(1, MIB);
            TransferBatch batch = batch(Opcode.READ, cancelled ? PATIENCE : Duration.ofMillis(500), local, MIB);
            Ends.submit(rogue.link, batch);
            DataFrame read = rogue.owner.receiveDataHead();
            rogue.owner.receiveColumns(read);
            rogue.owner.send(DataFrame.body(read.requestId(), MIB));
            rogue.owner.send(body(sent, 0xAA));
            await().atMost(PATIENCE).until(() -> local.slice(299_999, 1).get(0) == (byte) 0xAA);
            if (cancelled) {
                batch.cancel();
            }
            TransferException failure = failure(batch);
            assertThat(failure.code()).isEqualTo(cancelled ? Code.CANCELLED : Code.TIMED_OUT);
            assertThat(failure).hasMessageContaining("peer rogue (127.0.0.1:" + listener.getLocalPort() + ")");
            assertThat(local.counts()).isEqualTo(1);
            local.fill((byte) 0x55);

            TestRegion second = new TestRegion(2, MIB);
            TransferBatch next = Ends.submit(rogue.link, batch(Opcode.READ, PATIENCE, second, MIB));
            assertThat(rogue.owner.receiveDataHead()).isEqualTo(DataFrame.cancel(read.requestId()));
            DataFrame nextRead = rogue.owner.receiveDataHead();
            rogue.owner.receiveColumns(nextRead);
            rogue.owner.send(body(MIB - sent, 0xBB));
            rogue.owner.send(DataFrame.body(nextRead.requestId(), MIB));
            rogue.owner.send(body(MIB, 0xCC));
            Ends.assertCompleted(next);
            assertThat(second.slice(0, MIB)).isEqualTo(ByteBuffer.wrap(body(MIB, 0xCC)));
            assertThat(local.slice(0, MIB)).isEqualTo(ByteBuffer.wrap(body(MIB, 0x55)));
        }
    }

    @Test
    void anOwnerThatStallsInABodyLosesTheLinkByName() throws IOException {
        RogueLink rogue = rogue(Ends.hasty(false));
        TestRegion local = new TestRegion(1, MIB);
        TransferBatch batch = Ends.submit(rogue.link, batch(Opcode.READ, Ends.LONG, local, MIB));
        DataFrame read = rogue.owner.receiveDataHead();
        rogue.owner.send(DataFrame.body(read.requestId(), MIB));
        rogue.owner.send(body(300_000, 0xAA));
        TransferException failure = failure(batch);
        assertThat(failure.code()).isEqualTo(Code.PEER_LOST);
        assertThat(failure)
                .hasMessageContaining("peer rogue (127.0.0.1:" + listener.getLocalPort() + ") sends nothing")
                .hasMessageContaining("(limit 1000 ms)");
        assertThat(rogue.link.lost().orTimeout(60, TimeUnit.SECONDS).join()).isEqualTo(failure.getMessage());
        assertThat(local.counts()).isEqualTo(1);
    }

    @Test
    void anOwnerThatTakesNoBytesFailsAWriteWithinItsDeadline() throws IOException {
        RogueLink rogue = rogue(Ends.calm(false));
        TestRegion local = TestRegion.filled(1, 64 * MIB);
        TransferBatch batch = Ends.submit(rogue.link, batch(Opcode.WRITE, Duration.ofMillis(500), local, 64 * MIB));
        TransferException failure = failure(batch);
        assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
        assertThat(failure)
                .hasMessageContaining("WRITE over tcp with peer rogue")
                .hasMessageContaining("500 ms");
        assertThat(local.counts()).isEqualTo(1);
        assertThat(rogue.link.lost().orTimeout(60, TimeUnit.SECONDS).join()).contains("took the bytes of a WRITE");
    }

    @Test
    void anOwnerThatEndsEntriesBeforeTheirBytesIsDisbelieved() throws IOException {
        RogueLink rogue = rogue(Ends.calm(false));
        TestRegion local = new TestRegion(1, MIB);
        TransferBatch batch = Ends.submit(rogue.link, batch(Opcode.READ, Ends.LONG, local, MIB));
        DataFrame read = rogue.owner.receiveDataHead();
        rogue.owner.send(DataFrame.ended(Refusal.NONE, 1, read.requestId(), 0));
        TransferException failure = failure(batch);
        assertThat(failure.code()).isEqualTo(Code.PROTOCOL);
        assertThat(failure).hasMessageContaining("ends entries too early");
    }

    @Test
    void anOwnerThatClosesFailsEveryBatchByName() throws IOException {
        RogueLink rogue = rogue(Ends.calm(false));
        TestRegion local = new TestRegion(1, MIB);
        TransferBatch first = Ends.submit(rogue.link, batch(Opcode.READ, Ends.LONG, local, MIB));
        TransferBatch second = Ends.submit(rogue.link, batch(Opcode.READ, Ends.LONG, local, MIB));
        rogue.owner.receiveDataHead();
        rogue.owner.close();
        for (TransferBatch batch : new TransferBatch[] {first, second}) {
            assertThat(failure(batch).code()).isEqualTo(Code.PEER_LOST);
            assertThat(failure(batch)).hasMessageContaining("peer rogue (127.0.0.1:");
        }
        TransferBatch late = Ends.submit(rogue.link, batch(Opcode.READ, Ends.LONG, local, MIB));
        assertThat(failure(late).code()).isEqualTo(Code.PEER_LOST);
        assertThat(local.counts()).isEqualTo(1);
    }

    @Test
    void aReaderThatStopsReadingPinsNothingForLong() throws IOException {
        TcpTransport owner = ends.start("owner", Ends.hasty(false));
        TestRegion region = TestRegion.filled(1, 64 * MIB);
        owner.register(region);
        try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
            EntryColumns columns = new EntryColumns(1);
            columns.add(region.descriptor(), 0, 64 * MIB);
            rogue.send(HandMade.request(DataFrame.Kind.READ, 1, columns));
            await().atMost(PATIENCE).until(() -> region.mostCounts() > 1);
            await().atMost(PATIENCE).until(() -> region.counts() == 1);
            assertThat(rogue.drainUntilClosed()).isLessThan(64 * MIB);
        }
        owner.unregister(region);
    }

    @Test
    void aWriterThatStallsInABodyPinsNothingForLong() throws IOException {
        TcpTransport owner = ends.start("owner", Ends.hasty(false));
        TestRegion region = TestRegion.filled(1, MIB);
        owner.register(region);
        try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
            EntryColumns columns = new EntryColumns(1);
            columns.add(region.descriptor(), 0, MIB);
            rogue.send(HandMade.request(DataFrame.Kind.WRITE, 1, columns));
            rogue.send(DataFrame.body(1, MIB));
            rogue.send(body(1000, 1));
            await().atMost(PATIENCE).until(() -> region.mostCounts() == 2);
            long start = System.nanoTime();
            owner.unregister(region);
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
            assertThat(region.counts()).isEqualTo(1);
            rogue.drainUntilClosed();
        }
    }

    @Test
    void anUnregisteredRegionIsRefusedInTheMiddleOfARequest() throws IOException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        TestRegion region = TestRegion.filled(1, 64 * MIB);
        owner.register(region);
        try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
            EntryColumns columns = new EntryColumns(1);
            columns.add(region.descriptor(), 0, 64 * MIB);
            rogue.send(HandMade.request(DataFrame.Kind.READ, 1, columns));
            DataFrame body = rogue.receiveDataHead();
            Thread unregistering = new Thread(() -> owner.unregister(region), "unregistering");
            unregistering.start();
            await().atMost(PATIENCE)
                    .until(() -> unregistering.getState() == Thread.State.TIMED_WAITING || !unregistering.isAlive());
            while (body.kind() == DataFrame.Kind.BODY) {
                rogue.receive((int) body.bytes());
                body = rogue.receiveDataHead();
            }
            assertThat(body).isEqualTo(DataFrame.ended(Refusal.UNKNOWN_REGION, 1, 1, 0));
            await().atMost(PATIENCE).until(() -> !unregistering.isAlive());
            assertThat(region.counts()).isEqualTo(1);
        }
    }

    @Test
    void aCallerThatBreaksTheProtocolIsClosed() throws IOException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        TestRegion region = TestRegion.filled(1, MIB);
        owner.register(region);
        EntryColumns columns = new EntryColumns(1);
        columns.add(region.descriptor(), 0, 1000);
        DataFrame[] wrong = {
            DataFrame.body(1, 10),
            DataFrame.ended(Refusal.NONE, 1, 1, 0),
            new DataFrame(DataFrame.Kind.READ, Refusal.NONE, 5, 1, 100),
            new DataFrame(DataFrame.Kind.BODY, Refusal.NONE, 0, 1, 0),
        };
        for (DataFrame frame : wrong) {
            try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
                rogue.send(frame);
                rogue.send(Unpooled.buffer().writeZero((int) frame.bytes()));
                rogue.drainUntilClosed();
            }
        }
        try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
            rogue.send(HandMade.request(DataFrame.Kind.WRITE, 1, columns));
            rogue.send(DataFrame.body(1, 1001));
            rogue.drainUntilClosed();
        }
        try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
            rogue.send(HandMade.request(DataFrame.Kind.WRITE, 1, columns));
            rogue.send(HandMade.request(DataFrame.Kind.WRITE, 2, columns));
            rogue.drainUntilClosed();
        }
        assertThat(region.counts()).isEqualTo(1);
    }
}
