// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.spi.ControlChannel;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Asks and answers between two transports of one process. */
final class TcpControlTest {
    private final Ends ends = new Ends();

    @AfterEach
    void close() {
        ends.close();
    }

    private ControlChannel channel(TcpTransport from, TcpTransport owner) {
        return from.control(Ends.record("owner", owner))
                .orTimeout(60, TimeUnit.SECONDS)
                .join();
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(UTF_8));
    }

    private static String await(CompletableFuture<ByteBuffer> answer) {
        return UTF_8.decode(answer.orTimeout(60, TimeUnit.SECONDS).join()).toString();
    }

    private static void assertFails(Code code, String message, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOf(CompletionException.class)
                .cause()
                .isInstanceOfSatisfying(
                        TransferException.class, e -> assertThat(e.code()).isEqualTo(code))
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void answersManyAsksInFlight(boolean encrypted) throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(encrypted));
        TcpTransport asker = ends.start("asker", Ends.calm(encrypted));
        owner.serve("echo", (from, request) -> {
            assertThat(Thread.currentThread().getName()).isEqualTo("test-control");
            return bytes(from.name() + from.epoch() + UTF_8.decode(request));
        });
        ControlChannel channel = channel(asker, owner);
        List<CompletableFuture<ByteBuffer>> answers = new ArrayList<>();
        for (int i = 0; i < 5_000; i++) {
            answers.add(channel.ask("echo", bytes(" " + i), Ends.LONG));
        }
        for (int i = 0; i < 5_000; i++) {
            assertThat(await(answers.get(i))).isEqualTo("asker" + Ends.epoch("asker") + " " + i);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void carriesUpToTheLimitAndNamesItBeyond(boolean encrypted) throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(encrypted));
        owner.serve("size", (from, request) -> ByteBuffer.allocate(request.getInt(0)));
        ControlChannel channel = channel(owner, owner);
        int limit = ControlFrame.MAX_PAYLOAD_BYTES;
        ByteBuffer largest = ByteBuffer.allocate(limit).putInt(0, limit);
        assertThat(channel.ask("size", largest, Ends.LONG).join().remaining()).isEqualTo(limit);
        assertFails(
                Code.REFUSED,
                "request bytes=" + (limit + 1) + " limit=" + limit,
                () -> channel.ask("size", ByteBuffer.allocate(limit + 1), Ends.LONG)
                        .join());
        assertFails(
                Code.REFUSED,
                "bytes=" + (limit + 1) + " limit=" + limit,
                () -> channel.ask("size", ByteBuffer.allocate(4).putInt(0, limit + 1), Ends.LONG)
                        .join());
    }

    @Test
    void answersABriefRequestOnTheConnectionsOwnThread() throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        owner.serve("thread", new ControlService() {
            @Override
            public boolean isBrief(ByteBuffer request) {
                return request.get() == 1;
            }

            @Override
            public ByteBuffer answer(Caller from, ByteBuffer request) {
                assertThat(request.remaining()).as("isBrief consumed nothing").isEqualTo(1);
                return bytes(Thread.currentThread().getName());
            }
        });
        ControlChannel channel = channel(owner, owner);
        ByteBuffer brief = ByteBuffer.wrap(new byte[] {1});
        ByteBuffer longer = ByteBuffer.wrap(new byte[] {2});
        assertThat(await(channel.ask("thread", brief, Ends.LONG))).contains("tcp");
        assertThat(await(channel.ask("thread", longer, Ends.LONG))).isEqualTo("test-control");
    }

    @Test
    void refusalsReachTheAskerWithTheirMessage() throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        owner.serve("lease", (from, request) -> {
            throw new IllegalStateException("map 3 is not committed");
        });
        ControlChannel channel = channel(owner, owner);
        assertFails(
                Code.REFUSED,
                "map 3 is not committed",
                () -> channel.ask("lease", bytes(""), Ends.LONG).join());
        assertFails(
                Code.REFUSED,
                "peer owner serves [lease], not service=leese",
                () -> channel.ask("leese", bytes(""), Ends.LONG).join());
    }

    @Test
    void anAskNobodyAnswersTimesOutByNameAndTheChannelGoesOn() throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        CountDownLatch never = new CountDownLatch(1);
        owner.serve("stuck", (from, request) -> {
            never.await();
            return bytes("late");
        });
        owner.serve("echo", (from, request) -> request);
        ControlChannel channel = channel(owner, owner);
        CompletableFuture<ByteBuffer> stuck = channel.ask("stuck", bytes(""), Duration.ofMillis(200));
        assertFails(
                Code.TIMED_OUT,
                "peer owner (127.0.0.1:" + owner.port() + ") did not answer service=stuck",
                () -> stuck.join());
        never.countDown();
        assertThat(await(channel.ask("echo", bytes("on"), Ends.LONG))).isEqualTo("on");
    }

    @Test
    void asksFailAtOnceWhenThePeerIsForgottenOrCloses() throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        TcpTransport asker = ends.start("asker", Ends.calm(false));
        CountDownLatch never = new CountDownLatch(1);
        owner.serve("stuck", (from, request) -> {
            never.await();
            return request;
        });
        ControlChannel channel = channel(asker, owner);
        CompletableFuture<ByteBuffer> stuck = channel.ask("stuck", bytes(""), Ends.LONG);
        asker.forget("owner", Ends.epoch("owner"), "executor 7 was lost");
        assertFails(Code.PEER_GONE, "is lost: executor 7 was lost", () -> stuck.join());
        assertThat(channel.lost().join()).contains("executor 7 was lost");

        assertFails(
                Code.PEER_GONE,
                "executor 7 was lost",
                () -> asker.control(Ends.record("owner", owner)).join());
        assertThat(owner.link(Ends.record("asker", asker)).join()).asString().contains("holds the caller for lost");

        TcpTransport third = ends.start("third", Ends.calm(false));
        ControlChannel second = channel(third, owner);
        CompletableFuture<ByteBuffer> cut = second.ask("stuck", bytes(""), Ends.LONG);
        owner.close();
        assertFails(Code.PEER_LOST, "peer owner (127.0.0.1:", () -> cut.join());
        assertFails(
                Code.PEER_LOST,
                "peer owner",
                () -> second.ask("echo", bytes(""), Ends.LONG).join());
        never.countDown();
    }
}
