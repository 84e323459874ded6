// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBufAllocator;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.testing.Footprint;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What is left when a transport ends: nothing. */
final class CloseTest {
    private static final int MIB = 1 << 20;

    @Test
    void closingInTheMiddleOfEverythingEndsItAndLeavesNothing() throws IOException, InterruptedException {
        BufferLeaks.find(); // those of other tests are theirs
        try (Ends warmUp = new Ends()) {
            warmUp.start("first", Ends.calm(false));
        }
        Footprint before = Footprint.take(Path.of("/dev/shm"));
        for (int round = 0; round < 10; round++) {
            boolean encrypted = round % 2 == 1;
            TestRegion remote = TestRegion.filled(1, 32 * MIB);
            TestRegion local = new TestRegion(2, 32 * MIB);
            List<TransferBatch> batches = new ArrayList<>();
            List<CompletableFuture<?>> pending = new ArrayList<>();
            try (Ends ends = new Ends();
                    ServerSocket silent = HandMade.listen()) {
                TcpTransport owner = ends.start("owner", Ends.calm(encrypted));
                TcpTransport reader = ends.start("reader", Ends.calm(encrypted));
                owner.register(remote);
                owner.serve("stuck", (from, request) -> {
                    Thread.sleep(60_000);
                    return request;
                });
                Link link = Ends.link(reader, Ends.record("owner", owner));
                for (int i = 0; i < 20; i++) {
                    TransferBatch batch = new TransferBatch(i % 2 == 0 ? Opcode.READ : Opcode.WRITE, Ends.LONG);
                    batch.add(local, 0, remote.descriptor(), 0, 32 * MIB);
                    batches.add(Ends.submit(link, batch));
                }
                ControlChannel channel =
                        reader.control(Ends.record("owner", owner)).join();
                pending.add(channel.ask("stuck", ByteBuffer.allocate(1), Ends.LONG));
                pending.add(reader.control(Ends.record("silent", silent.getLocalPort())));
                pending.add(link.lost());
                pending.add(channel.lost());
                (round % 4 < 2 ? reader : owner).close();
            }
            for (TransferBatch batch : batches) {
                Ends.await(batch);
                if (batch.outcome(0).status() == Status.FAILED) {
                    assertThat(batch.firstFailure().orElseThrow().code()).isIn(Code.CLOSED, Code.PEER_LOST);
                }
            }
            for (CompletableFuture<?> each : pending) {
                each.exceptionally(failure -> null)
                        .orTimeout(60, TimeUnit.SECONDS)
                        .join();
            }
            assertThat(local.counts()).isEqualTo(1);
            assertThat(remote.counts()).isEqualTo(1);
        }
        before.assertRestored();
        assertThat(BufferLeaks.find()).isEmpty();
    }

    @Test
    void aBufferThatIsNotReleasedIsFound() throws InterruptedException {
        BufferLeaks.find();
        int capacity = ByteBufAllocator.DEFAULT.directBuffer(64).capacity();
        assertThat(capacity).isEqualTo(64);
        assertThat(BufferLeaks.find()).singleElement().asString().contains("ByteBuf leaked");
    }

    @Test
    void aClosedTransportSaysSo() throws TransferException {
        try (Ends ends = new Ends()) {
            TcpTransport owner = ends.start("owner", Ends.calm(false));
            TcpTransport reader = ends.start("reader", Ends.calm(false));
            TestRegion remote = TestRegion.filled(1, MIB);
            TestRegion local = new TestRegion(2, MIB);
            Link link = Ends.link(reader, Ends.record("owner", owner));
            ControlChannel channel = reader.control(Ends.record("owner", owner)).join();
            reader.close();
            reader.close();
            TransferBatch batch = Ends.await(Ends.read(link, local, 0, remote, 0, MIB));
            assertThat(batch.firstFailure().orElseThrow().code()).isEqualTo(Code.CLOSED);
            assertThatThrownBy(() ->
                            channel.ask("x", ByteBuffer.allocate(1), Ends.LONG).join())
                    .hasMessageContaining("closed");
            assertThatThrownBy(() -> reader.control(Ends.record("owner", owner)).join())
                    .hasMessageContaining("this transport is closed");
            String verdict =
                    reader.link(Ends.record("owner", owner)).join().fold(reached -> "reached", reason -> reason);
            assertThat(verdict).contains("peer owner").contains("closed");
            link.close();
            channel.close();
        }
    }

    @Test
    void namesAndRegionsAreTakenOnce() throws TransferException {
        try (Ends ends = new Ends()) {
            TcpTransport owner = ends.start("owner", Ends.calm(false));
            owner.serve("once", (from, request) -> request);
            assertThatThrownBy(() -> owner.serve("once", (from, request) -> request))
                    .hasMessageContaining("service=once is served already");
            TestRegion region = new TestRegion(1, 16);
            owner.register(region);
            assertThatThrownBy(() -> owner.register(region)).hasMessageContaining("region id=1 is registered already");
            owner.unregister(region);
            owner.unregister(region);
            owner.register(region);
        }
    }
}
