// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A limit is the time for which nothing moved, and this process's own pauses are no part of it. The clock is turned by hand. */
final class LinkTimeTest {
    private static final int BYTES = 1 << 20;
    private static final Duration LIMIT = Duration.ofSeconds(8);

    private final AtomicLong nanos = new AtomicLong();
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final Wire wire = new Wire(channel, new ReceiveBuffer(), "peer", 1, nanos::get);
    private final TestRegion local = new TestRegion(1, 2 * BYTES);

    LinkTimeTest() {
        channel.freezeTime();
    }

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
        assertThat(local.counts()).isEqualTo(1);
    }

    private LinkConnection link(Duration stallLimit) {
        LinkConnection connection = new LinkConnection(wire, stallLimit);
        channel.pipeline().addLast(connection);
        return connection;
    }

    private TransferBatch read(LinkConnection link, long offset) {
        TransferBatch batch = new TransferBatch(Opcode.READ, LIMIT);
        batch.add(local, offset, new TestRegion(9, 16).descriptor(), 0, BYTES);
        batch.begin();
        link.submit(batch);
        return batch;
    }

    /** Lets seconds pass, second by second. */
    private void pass(int seconds) {
        for (int i = 0; i < seconds; i++) {
            pause(1);
        }
    }

    /** Lets time pass at once: nothing runs meanwhile. */
    private void pause(int seconds) {
        nanos.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
        channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
    }

    private void receive(int bytes) {
        channel.writeInbound(Unpooled.wrappedBuffer(new byte[bytes]));
    }

    private void receiveHead(long requestId) {
        ByteBuf head = Unpooled.buffer();
        DataFrame.body(requestId, BYTES).writeTo(head);
        channel.writeInbound(head);
    }

    private static TransferException failure(TransferBatch batch) {
        return batch.firstFailure().orElseThrow();
    }

    @Test
    void aBatchIsNotLateWhileItsBytesOrThoseBeforeItArrive() {
        LinkConnection link = link(LIMIT);
        TransferBatch first = read(link, 0);
        TransferBatch second = read(link, BYTES);
        receiveHead(1);
        for (int i = 0; i < 16; i++) {
            pass(7);
            receive(BYTES / 16);
            assertThat(second.isDone()).isFalse();
        }
        assertThat(first.isDone()).isTrue();
        assertThat(first.firstFailure()).isEmpty();
        receiveHead(2);
        receive(BYTES / 2);
        pass(7);
        assertThat(second.isDone()).isFalse();
        pass(3);
        assertThat(failure(second).code()).isEqualTo(Code.TIMED_OUT);
        assertThat(failure(second))
                .hasMessageContaining("READ over tcp with peer peer")
                .hasMessageContaining("saw nothing move for 8000 ms");
    }

    @Test
    void aPauseOfThisProcessEndsNeitherBatchesNorConnections() {
        LinkConnection link = link(LIMIT);
        TransferBatch batch = read(link, 0);
        receiveHead(1);
        receive(BYTES / 2);
        pass(3);
        pause(600);
        assertThat(batch.isDone()).isFalse();
        assertThat(channel.isOpen()).isTrue();
        receive(BYTES / 2); // it waited in the socket
        assertThat(batch.isDone()).isTrue();
        assertThat(batch.firstFailure()).isEmpty();
    }

    @Test
    void aPauseAtTheLastLookDecidesNothing() {
        LinkConnection link = link(Duration.ofHours(1));
        TransferBatch batch = read(link, 0);
        pass(7);
        pause(600);
        assertThat(batch.isDone()).isFalse();
        pass(8);
        assertThat(failure(batch).code()).isEqualTo(Code.TIMED_OUT);
    }

    @Test
    void aProcessThatAlwaysPausesStillReachesItsLimits() {
        LinkConnection link = link(Duration.ofHours(24));
        TransferBatch batch = read(link, 0);
        for (int i = 0; i < 17; i++) {
            pause(600);
        }
        assertThat(failure(batch).code()).isEqualTo(Code.TIMED_OUT);
    }

    @Test
    void anAskIsNotLateAfterAPauseNorWhileALargeAnswerArrives() {
        TcpControlChannel control = new TcpControlChannel(wire, Duration.ofHours(1));
        channel.pipeline().addLast(control);
        CompletableFuture<ByteBuffer> first = control.ask("blocks", ByteBuffer.allocate(8), LIMIT);
        CompletableFuture<ByteBuffer> second = control.ask("blocks", ByteBuffer.allocate(8), LIMIT);
        channel.runPendingTasks();
        pause(600);
        assertThat(first).isNotDone();
        ByteBuf head = Unpooled.buffer();
        new ControlFrame(ControlFrame.Kind.ANSWER, 0, BYTES, 0).writeTo(head);
        channel.writeInbound(head);
        for (int i = 0; i < 16; i++) {
            pass(7);
            receive(BYTES / 16);
            assertThat(second).isNotDone();
        }
        assertThat(first).isCompleted();
        pass(9);
        assertThat(second).isCompletedExceptionally();
    }
}
