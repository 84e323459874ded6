// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.testing.Middlebox;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Three engines over real sockets; between one and two of them stands a middlebox that resets connections. */
final class BrokenConnectionsTest {
    private static final Duration MINUTE = Duration.ofSeconds(60);
    private static final byte[] SECRET = "sixteen bytes or more".getBytes(UTF_8);

    private final List<AutoCloseable> opened = new ArrayList<>();
    private LocalEngine one;
    private LocalEngine two;
    private LocalEngine three;
    private Middlebox middlebox;
    private HostRegion theirs;
    private HostRegion mine;

    @BeforeEach
    void start() throws IOException {
        one = start("1");
        two = start("2");
        three = start("3");
        middlebox = new Middlebox(two.self().port());
        opened.add(middlebox);
        two.serve(
                "echo",
                (from, request) ->
                        ByteBuffer.allocate(request.remaining()).put(request).flip());
        three.serve(
                "echo",
                (from, request) ->
                        ByteBuffer.allocate(request.remaining()).put(request).flip());
        theirs = Regions.allocate(1 << 20);
        mine = Regions.allocate(1 << 20);
        two.register(theirs);
    }

    @AfterEach
    void close() throws Exception {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
        theirs.release();
        mine.release();
    }

    private LocalEngine start(String name) throws IOException {
        TransferSettings settings = TransferSettings.read(Map.of("spark.mooncake.transfer.paths", "tcp"));
        LocalEngine engine = LocalEngine.start(new Identity(name, name.hashCode(), "127.0.0.1", SECRET), settings);
        opened.add(engine);
        return engine;
    }

    private CompletableFuture<Peer> connect() {
        PeerRecord record = two.self();
        return one.connect(
                new PeerRecord(record.name(), record.epoch(), record.host(), middlebox.port(), record.attributes()));
    }

    private static <T> T done(CompletableFuture<T> future) {
        return future.orTimeout(60, TimeUnit.SECONDS).join();
    }

    private TransferBatch read(Peer peer) {
        TransferBatch batch = new TransferBatch(Opcode.READ, MINUTE);
        batch.add(mine, 0, theirs.descriptor(), 0, 1 << 20);
        assertThat(peer.submit(batch)).isEqualTo(Peer.Submission.ACCEPTED);
        return done(batch.completion());
    }

    private static int echo(Peer peer) {
        return done(peer.ask("echo", ByteBuffer.allocate(4).putInt(0, 4_711), MINUTE))
                .getInt(0);
    }

    @Test
    void aResetControlChannelCostsNoTransfer() throws IOException {
        Peer peer = done(connect());
        Peer other = done(one.connect(three.self()));
        assertThat(middlebox.passed()).as("control and data").isEqualTo(2);
        middlebox.reset(0);
        await().atMost(MINUTE).until(() -> middlebox.passed() == 3);
        assertThat(echo(peer)).isEqualTo(4_711);
        assertThat(read(peer).firstFailure()).isEmpty();
        assertThat(echo(other)).isEqualTo(4_711);
        assertThat(peer.isLost() || other.isLost()).isFalse();
        assertThat(done(connect())).isSameAs(peer);
    }

    @Test
    void whatIsUnderWayFailsWithTheReasonOfTheStoreOnceItRemovesThePeer() {
        CountDownLatch end = new CountDownLatch(1);
        two.serve("never", (from, request) -> {
            end.await();
            return request;
        });
        Peer peer = done(connect());
        Peer other = done(one.connect(three.self()));
        CompletableFuture<ByteBuffer> answer = peer.ask("never", ByteBuffer.allocate(4), MINUTE);
        one.peerLost("2", two.self().epoch(), "Spark removed executor 2");
        assertThatThrownBy(() -> done(answer))
                .cause()
                .isInstanceOfSatisfying(
                        TransferException.class,
                        failure -> assertThat(failure.code()).isEqualTo(TransferException.Code.PEER_GONE))
                .hasMessageContaining("Spark removed executor 2");
        end.countDown();
        assertThat(echo(other)).isEqualTo(4_711);
    }

    @Test
    void aResetDataConnectionLosesThePeerWhichIsDialledAnew() throws IOException {
        Peer peer = done(connect());
        Peer other = done(one.connect(three.self()));
        middlebox.refuse();
        middlebox.reset(1);
        assertThat(done(peer.lost())).contains("its last path broke");
        CompletableFuture<Peer> again = connect();
        assertThat(echo(other)).isEqualTo(4_711);
        assertThat(again).isNotDone();
        middlebox.pass();
        Peer successor = done(again);
        assertThat(successor).isNotSameAs(peer);
        assertThat(read(successor).firstFailure()).isEmpty();
        assertThat(other.isLost()).isFalse();
    }
}
