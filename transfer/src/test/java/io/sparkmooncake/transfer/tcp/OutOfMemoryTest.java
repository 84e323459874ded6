// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that runs out on an event loop ends what needed it, at once, and holds nothing. */
final class OutOfMemoryTest {
    private static final int BYTES = 64 << 10;

    /** Has no memory at one allocation. */
    private static final class Poor extends AbstractByteBufAllocator {
        private int left;

        Poor(int allocations) {
            super(true);
            left = allocations;
        }

        @Override
        protected ByteBuf newHeapBuffer(int initial, int most) {
            return newDirectBuffer(initial, most);
        }

        @Override
        protected ByteBuf newDirectBuffer(int initial, int most) {
            if (left-- == 0) {
                throw new OutOfMemoryError("Cannot reserve direct memory");
            }
            return UnpooledByteBufAllocator.DEFAULT.directBuffer(initial, most);
        }

        @Override
        public boolean isDirectBufferPooled() {
            return false;
        }
    }

    private static EmbeddedChannel channel(int allocations) {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.config().setAllocator(new Poor(allocations));
        return channel;
    }

    private static Wire wire(EmbeddedChannel channel) {
        return new Wire(channel, new ReceiveBuffer(), "peer", 1);
    }

    @ParameterizedTest
    @EnumSource(Opcode.class)
    void aBatchEndsAtOnceAndItsLinkIsLost(Opcode opcode) {
        for (int allocations = 0; allocations < (opcode == Opcode.READ ? 1 : 2); allocations++) {
            TestRegion region = new TestRegion(1, BYTES);
            EmbeddedChannel channel = channel(allocations);
            Wire wire = wire(channel);
            LinkConnection connection = new LinkConnection(wire, Ends.LONG);
            channel.pipeline().addLast(connection);
            TcpLink link = new TcpLink(wire, connection);
            TransferBatch batch = new TransferBatch(opcode, Ends.LONG);
            batch.add(region, 0, region.descriptor(), 0, BYTES);
            batch.begin();
            link.submit(batch);
            channel.runPendingTasks();
            assertThat(batch.isDone()).as("allocations=%s", allocations).isTrue();
            TransferException failure = batch.firstFailure().orElseThrow();
            assertThat(failure.code()).isEqualTo(Code.CLOSED);
            assertThat(failure)
                    .hasMessageContaining("because this process failed: java.lang.OutOfMemoryError: Cannot reserve");
            assertThat(link.lost()).isDone();
            channel.finishAndReleaseAll();
            assertThat(region.counts()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void anOwnerClosesAndHoldsNothing(int allocations) {
        TestRegion region = new TestRegion(1, BYTES);
        RegionTable table = new RegionTable();
        table.add(region);
        EmbeddedChannel channel = channel(allocations);
        Wire wire = wire(channel);
        channel.pipeline().addLast(new OwnerConnection(wire, table, Ends.LONG, Runnable::run));
        EntryColumns columns = new EntryColumns(3);
        columns.add(region.descriptor(), 0, 100);
        columns.add(region.descriptor(), 200, 2 * BodyWriter.SMALL_BYTES);
        columns.add(region.descriptor(), 100, 100);
        channel.writeInbound(HandMade.request(DataFrame.Kind.READ, 1, columns));
        channel.runPendingTasks();
        assertThat(channel.isOpen()).isFalse();
        channel.finishAndReleaseAll();
        assertThat(region.counts()).isEqualTo(1);
    }

    /** The second record of three would leave behind a hole. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void bytesThatCannotBeSealedEndTheConnection(int allocations) {
        EmbeddedChannel channel = channel(allocations);
        Wire wire = wire(channel);
        channel.pipeline()
                .addLast(
                        new RecordEncoder(SessionCipher.sealing(new Secret(Ends.secret()), Role.CALLEE, new byte[32])));
        ByteBuf frame = Unpooled.directBuffer().writeZero(3 * SessionCipher.MAX_PLAIN_BYTES);
        AtomicInteger left = new AtomicInteger();
        wire.write(frame, left::incrementAndGet);
        channel.runPendingTasks();
        assertThat(left).hasValue(1);
        assertThat(frame.refCnt()).isZero();
        assertThat(channel.isOpen()).isFalse();
        assertThat(wire.ended().code()).isEqualTo(Code.CLOSED);
        assertThat(wire.ended()).hasMessageContaining("java.lang.OutOfMemoryError: Cannot reserve");
        channel.finishAndReleaseAll();
    }

    @Test
    void aFailureOfThisProcessIsNotTakenForALostPeer() {
        for (Throwable defect :
                List.of(new IllegalStateException("x"), new DecoderException(new OutOfMemoryError("x")))) {
            Wire wire = wire(new EmbeddedChannel());
            wire.broken(defect);
            assertThat(wire.ended().code()).isEqualTo(Code.CLOSED);
        }
        Wire reset = wire(new EmbeddedChannel());
        reset.broken(new IOException("Connection reset by peer"));
        assertThat(reset.ended().code()).isEqualTo(Code.PEER_LOST);
        assertThat(reset.ended()).hasMessageContaining("broke: java.io.IOException: Connection reset");
    }

    @Test
    void anAskFailsAtOnce() {
        EmbeddedChannel channel = new EmbeddedChannel();
        TcpControlChannel control = new TcpControlChannel(wire(channel), Ends.LONG);
        channel.pipeline().addLast(control);
        channel.config().setAllocator(new Poor(0));
        CompletableFuture<ByteBuffer> asked = control.ask("blocks", ByteBuffer.allocate(8), Ends.LONG);
        assertThat(asked).isCompletedExceptionally();
        channel.finishAndReleaseAll();
    }
}
