// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.Link;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Thousands of wrong bytes, seeded: nothing hangs, nothing leaks, and others are served on. */
final class FuzzTest {
    private static final int REGION_BYTES = 256 << 10;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Ends ends = new Ends();
    private final TestRegion region = TestRegion.filled(1, REGION_BYTES);
    private final TestRegion others = TestRegion.filled(5, REGION_BYTES);
    private TcpTransport owner;
    private Link good;
    private ControlChannel asker;

    @BeforeEach
    void start() throws TransferException {
        owner = ends.start("owner", Ends.calm(false));
        owner.register(region);
        owner.register(others);
        owner.serve("echo", (from, request) -> request);
        TcpTransport reader = ends.start("reader", Ends.calm(false));
        good = Ends.link(reader, Ends.record("owner", owner));
        asker = reader.control(Ends.record("owner", owner))
                .orTimeout(60, TimeUnit.SECONDS)
                .join();
    }

    @AfterEach
    void close() {
        assertOthersAreServed();
        owner.unregister(region);
        await().atMost(PATIENCE).until(() -> region.counts() == 1);
        ends.close();
    }

    private void assertOthersAreServed() {
        TestRegion local = new TestRegion(2, REGION_BYTES);
        Ends.assertCompleted(Ends.read(good, local, 0, others, 0, REGION_BYTES));
        assertThat(local.memory()).isEqualTo(others.memory());
        assertThat(others.memory()).isEqualTo(TestRegion.filled(5, REGION_BYTES).memory());
        ByteBuffer answer = asker.ask("echo", ByteBuffer.wrap(new byte[] {7}), PATIENCE)
                .orTimeout(60, TimeUnit.SECONDS)
                .join();
        assertThat(answer.get(0)).isEqualTo((byte) 7);
    }

    private static byte[] random(SplittableRandom random, int maxBytes) {
        byte[] bytes = new byte[random.nextInt(maxBytes)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) random.nextInt();
        }
        return bytes;
    }

    /** Changes, cuts, repeats or leaves alone. */
    private static byte[] mutate(SplittableRandom random, byte[] bytes) {
        byte[] mutant = bytes.clone();
        switch (random.nextInt(5)) {
            case 0 -> mutant = Arrays.copyOf(mutant, random.nextInt(mutant.length + 1));
            case 1 -> mutant = Arrays.copyOf(mutant, mutant.length + random.nextInt(100));
            case 2 -> mutant[0]++;
            default -> {
                for (int i = random.nextInt(8); i >= 0; i--) {
                    // Mostly in the first bytes, where the meaning is.
                    int at = random.nextInt(random.nextBoolean() ? Math.min(64, mutant.length) : mutant.length);
                    mutant[at] = (byte) random.nextInt();
                }
            }
        }
        return mutant;
    }

    private static void sendAndLeave(HandMade rogue, byte[] bytes, SplittableRandom random) throws IOException {
        try {
            int cut = random.nextInt(bytes.length + 1);
            rogue.send(Arrays.copyOf(bytes, cut));
            rogue.send(Arrays.copyOfRange(bytes, cut, bytes.length));
            if (random.nextBoolean()) {
                rogue.socket().shutdownOutput();
                rogue.drainUntilClosed();
            }
        } catch (SocketException e) {
            assertThat(e).hasMessageMatching("(?i).*(broken pipe|reset|closed).*"); // it was closed on us, rightly
        }
    }

    @Test
    void anyBytesBeforeAuthentication() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        byte[] hello = bytes(HandshakeLayout.frame(
                HandshakeLayout.Kind.HELLO,
                0,
                HandMade.hello(Purpose.DATA, "owner").encode(new byte[32])));
        for (int round = 0; round < 2_000; round++) {
            try (HandMade rogue = HandMade.connect(owner.port())) {
                byte[] bytes = round % 2 == 0 ? random(random, 8_000) : mutate(random, hello);
                sendAndLeave(rogue, bytes, random);
            }
            if (round % 500 == 0) {
                assertOthersAreServed();
            }
        }
    }

    @Test
    void anEndlessStreamBeforeAuthenticationIsCutOff() throws IOException {
        byte[] flood = new byte[1 << 20];
        flood[0] = 'M';
        flood[1] = 'O';
        flood[2] = 'O';
        flood[3] = 'N';
        try (HandMade rogue = HandMade.connect(owner.port())) {
            for (int i = 0; i < 64; i++) {
                rogue.send(flood);
            }
            throw new AssertionError("64 MiB were taken from a stranger");
        } catch (SocketException e) {
            assertThat(owner.refusedHandshakes()).isPositive();
        }
    }

    @Test
    void anyFramesOnADataConnection() throws IOException {
        SplittableRandom random = new SplittableRandom(2);
        for (int round = 0; round < 2_000; round++) {
            try (HandMade rogue = HandMade.call(owner.port(), Purpose.DATA, "owner")) {
                byte[] bytes = round % 4 == 0 ? random(random, 4_000) : mutate(random, dataFrames(random));
                sendAndLeave(rogue, bytes, random);
            }
            if (round % 500 == 0) {
                assertOthersAreServed();
            }
        }
    }

    private byte[] dataFrames(SplittableRandom random) {
        ByteBuf frames = Unpooled.buffer();
        for (int id = 1; id <= 3; id++) {
            EntryColumns columns = new EntryColumns(4);
            int entries = 1 + random.nextInt(10);
            for (int i = 0; i < entries; i++) {
                columns.add(region.descriptor(), random.nextInt(REGION_BYTES), random.nextInt(20_000));
            }
            boolean write = random.nextBoolean();
            frames.writeBytes(HandMade.request(write ? DataFrame.Kind.WRITE : DataFrame.Kind.READ, id, columns));
            if (write) {
                DataFrame.body(id, columns.totalBytes()).writeTo(frames);
                frames.writeZero((int) columns.totalBytes());
            }
            if (random.nextInt(3) == 0) {
                DataFrame.cancel(id).writeTo(frames);
            }
        }
        return bytes(frames);
    }

    private static byte[] bytes(ByteBuf frame) {
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes);
        return bytes;
    }

    @Test
    void anyFramesOnAControlConnection() throws IOException {
        SplittableRandom random = new SplittableRandom(3);
        for (int round = 0; round < 1_000; round++) {
            try (HandMade rogue = HandMade.call(owner.port(), Purpose.CONTROL, "owner")) {
                ByteBuf frames = Unpooled.buffer();
                for (int id = 0; id < 5; id++) {
                    byte[] payload = random(random, 2_000);
                    new ControlFrame(ControlFrame.Kind.ASK, 4, payload.length, id).writeTo(frames);
                    frames.writeBytes("echo".getBytes(UTF_8)).writeBytes(payload);
                }
                byte[] bytes = round % 4 == 0 ? random(random, 4_000) : mutate(random, bytes(frames));
                sendAndLeave(rogue, bytes, random);
            }
            if (round % 500 == 0) {
                assertOthersAreServed();
            }
        }
    }

    @Test
    void anyRepliesOfAnOwner() throws IOException {
        SplittableRandom random = new SplittableRandom(4);
        TcpTransport reader = ends.start("fuzzed", Ends.calm(false));
        try (ServerSocket listener = HandMade.listen()) {
            for (int round = 0; round < 500; round++) {
                SplittableRandom seed = random.split();
                ends.controlThreads().execute(() -> answerWrongly(listener, seed));
                Link link = Ends.link(reader, Ends.record("rogue", listener.getLocalPort()));
                TestRegion local = new TestRegion(3, 200_000);
                TransferBatch batch = new TransferBatch(round % 3 == 0 ? Opcode.WRITE : Opcode.READ, Ends.LONG);
                RegionDescriptor remote = region.descriptor();
                batch.add(local, 1_000, remote, 0, 50_000);
                batch.add(local, 60_000, remote, 0, 300);
                batch.add(local, 70_000, remote, 0, 100_000);
                Ends.await(Ends.submit(link, batch));
                assertThat(local.counts()).isEqualTo(1);
                for (int[] gap : new int[][] {{0, 1_000}, {51_000, 60_000}, {60_300, 70_000}, {170_000, 200_000}}) {
                    ByteBuffer untouched = local.slice(gap[0], gap[1] - gap[0]);
                    assertThat(untouched).isEqualTo(ByteBuffer.allocate(gap[1] - gap[0]));
                }
                link.close();
            }
        }
    }

    private static void answerWrongly(ServerSocket listener, SplittableRandom random) {
        try (HandMade rogue = HandMade.answer(listener)) {
            DataFrame request = rogue.receiveDataHead();
            rogue.receiveColumns(request);
            ByteBuf reply = Unpooled.buffer();
            DataFrame.body(request.requestId(), 50_100).writeTo(reply);
            reply.writeBytes(new byte[50_100]);
            DataFrame.ended(Refusal.WRONG_KEY, 1, request.requestId(), 0).writeTo(reply);
            DataFrame.body(request.requestId(), 100_000).writeTo(reply);
            byte[] body = new byte[100_000];
            Arrays.fill(body, (byte) 0xEE);
            reply.writeBytes(body);
            sendAndLeave(rogue, mutate(random, bytes(reply)), random);
        } catch (IOException e) {
            // The reader closed on us, rightly.
        }
    }
}
