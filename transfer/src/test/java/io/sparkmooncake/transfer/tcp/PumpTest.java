// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** However a socket takes its bytes, all of them leave. */
final class PumpTest {
    private static final int BYTES = 32 << 20;

    /** A socket that takes nothing at some flushes, and everything at others. */
    private static final class Moody extends ChannelOutboundHandlerAdapter {
        private final SplittableRandom random;

        Moody(long seed) {
            random = new SplittableRandom(seed);
        }

        @Override
        public void flush(ChannelHandlerContext context) {
            if (random.nextInt(4) == 0) {
                context.flush();
            }
        }
    }

    private static EmbeddedChannel channel(long seed) {
        EmbeddedChannel channel = new EmbeddedChannel(new Moody(seed));
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(1 << 20, 2 << 20));
        return channel;
    }

    private static Wire wire(EmbeddedChannel channel) {
        return new Wire(channel, new ReceiveBuffer(), "peer", 1);
    }

    /** Lets the socket take what it holds whenever nobody is busy, and returns how many bytes left in all. */
    private static long drain(EmbeddedChannel channel) {
        long bytes = 0;
        for (int idle = 0; idle < 3; idle++) {
            channel.runPendingTasks();
            for (ByteBuf out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
                bytes += out.readableBytes();
                out.release();
                idle = 0;
            }
            channel.pipeline().firstContext().flush();
        }
        return bytes;
    }

    @Test
    void anOwnerSendsAllBytesOfARead() {
        TestRegion region = new TestRegion(1, BYTES);
        RegionTable table = new RegionTable();
        table.add(region);
        for (long seed = 0; seed < 50; seed++) {
            EmbeddedChannel channel = channel(seed);
            channel.pipeline().addLast(new OwnerConnection(wire(channel), table, Ends.LONG, Runnable::run));
            EntryColumns columns = new EntryColumns(1);
            columns.add(region.descriptor(), 0, BYTES);
            channel.writeInbound(HandMade.request(DataFrame.Kind.READ, 1, columns));
            assertThat(drain(channel)).as("seed %s", seed).isGreaterThanOrEqualTo(BYTES);
            channel.finishAndReleaseAll();
            assertThat(region.counts()).isEqualTo(1);
        }
    }

    @Test
    void slowReadersMakeAnOwnerCopyLittle() {
        int block = 1000;
        int blocks = 30_000;
        TestRegion region = new TestRegion(1, BYTES);
        RegionTable table = new RegionTable();
        table.add(region);
        for (long seed = 0; seed < 5; seed++) {
            EmbeddedChannel channel = channel(seed);
            channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(4 << 20, 8 << 20));
            channel.pipeline().addLast(new OwnerConnection(wire(channel), table, Ends.LONG, Runnable::run));
            EntryColumns columns = new EntryColumns(blocks);
            for (int i = 0; i < blocks; i++) {
                columns.add(region.descriptor(), (long) i * block, block);
            }
            channel.writeInbound(HandMade.request(DataFrame.Kind.READ, 1, columns));
            assertThat(channel.unsafe().outboundBuffer().totalPendingWriteBytes())
                    .isLessThan(BodyWriter.MAX_COPIED_BYTES + 2L * BodyWriter.MAX_GATHERED_BYTES);
            assertThat(drain(channel)).as("seed %s", seed).isGreaterThanOrEqualTo((long) block * blocks);
            channel.finishAndReleaseAll();
            assertThat(region.counts()).isEqualTo(1);
        }
    }

    @Test
    void aWriterSendsAllBytesOfAWrite() {
        TestRegion region = new TestRegion(1, BYTES);
        for (long seed = 0; seed < 50; seed++) {
            EmbeddedChannel channel = channel(seed);
            LinkConnection connection = new LinkConnection(wire(channel), Ends.LONG);
            channel.pipeline().addLast(connection);
            TransferBatch batch = new TransferBatch(Opcode.WRITE, Ends.LONG);
            batch.add(region, 0, region.descriptor(), 0, BYTES);
            batch.begin();
            connection.submit(batch);
            assertThat(drain(channel)).as("seed %s", seed).isGreaterThanOrEqualTo(BYTES);
            channel.finishAndReleaseAll();
            assertThat(region.counts()).isEqualTo(1);
        }
    }
}
