// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Frame;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Hello;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Kind;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Every frame reads back as it was written, and half a frame is no frame. */
final class LayoutTest {
    private static final Hello HELLO = new Hello(2, true, "executor 7", -5, "exécuteur 8", Long.MAX_VALUE);

    @Test
    void helloReadsBack() throws TransferException {
        byte[] body = HELLO.encode(new byte[32]);
        assertThat(Hello.decode(body)).isEqualTo(HELLO);
        for (int length = 0; length < body.length; length++) {
            byte[] cut = Arrays.copyOf(body, length);
            assertThatThrownBy(() -> Hello.decode(cut)).isInstanceOf(TransferException.class);
        }
        assertThatThrownBy(() -> Hello.decode(Arrays.copyOf(body, body.length + 1)))
                .isInstanceOf(TransferException.class);
    }

    @Test
    void handshakeFramesReadBackAndWaitForTheirEnd() throws TransferException {
        ByteBuf frame = HandshakeLayout.frame(Kind.PROOF, 3, new byte[] {1, 2, 3, 4});
        for (int length = 0; length < frame.readableBytes(); length++) {
            ByteBuf cut = frame.slice(0, length);
            assertThat(HandshakeLayout.take(cut)).isNull();
            assertThat(cut.readableBytes()).isEqualTo(length);
        }
        Frame read = Objects.requireNonNull(HandshakeLayout.take(frame));
        assertThat(read.is(Kind.PROOF)).isTrue();
        assertThat(read.version()).isEqualTo(HandshakeLayout.VERSION);
        assertThat(read.code()).isEqualTo(3);
        assertThat(read.body()).containsExactly(1, 2, 3, 4);
        assertThat(frame.isReadable()).isFalse();
    }

    @Test
    void handshakeFramesOfOthersAreRefusedAtTheFirstByte() {
        assertThatThrownBy(() -> HandshakeLayout.take(Unpooled.wrappedBuffer(new byte[] {'G'})))
                .hasMessage("not a mooncake handshake: it starts with 0x47");
        ByteBuf tooLong = HandshakeLayout.frame(Kind.HELLO, 0, new byte[0]).setShort(8, 4097);
        assertThatThrownBy(() -> HandshakeLayout.take(tooLong)).hasMessageContaining("body bytes=4097 max=2036");
    }

    @Test
    void controlFramesReadBackAndKnowTheirLimit() throws TransferException {
        for (ControlFrame.Kind kind : ControlFrame.Kind.values()) {
            ControlFrame frame = new ControlFrame(kind, 255, ControlFrame.MAX_PAYLOAD_BYTES, -1);
            ByteBuf bytes = Unpooled.buffer();
            frame.writeTo(bytes);
            assertThat(bytes.readableBytes()).isEqualTo(ControlFrame.HEAD_BYTES);
            assertThat(ControlFrame.readFrom(bytes)).isEqualTo(frame);
        }
        ByteBuf tooLong = Unpooled.buffer();
        new ControlFrame(ControlFrame.Kind.ASK, 0, ControlFrame.MAX_PAYLOAD_BYTES + 1, 0).writeTo(tooLong);
        assertThatThrownBy(() -> ControlFrame.readFrom(tooLong))
                .hasMessageContaining("payload bytes=67108865 limit=67108864");
    }

    @Test
    void dataFramesReadBackAndKnowTheirLimits() throws TransferException {
        for (DataFrame frame : new DataFrame[] {
            new DataFrame(DataFrame.Kind.READ, Refusal.NONE, 7, 9, EntryColumns.MAX_BYTES),
            DataFrame.body(Long.MIN_VALUE, DataFrame.MAX_BODY_BYTES),
            DataFrame.ended(Refusal.OUT_OF_BOUNDS, Integer.MAX_VALUE, 1, Long.MAX_VALUE),
            DataFrame.cancel(5)
        }) {
            ByteBuf bytes = Unpooled.buffer();
            frame.writeTo(bytes);
            assertThat(bytes.readableBytes()).isEqualTo(DataFrame.HEAD_BYTES);
            assertThat(DataFrame.readFrom(bytes)).isEqualTo(frame);
        }
        ByteBuf tooLong = Unpooled.buffer();
        DataFrame.body(1, DataFrame.MAX_BODY_BYTES + 1).writeTo(tooLong);
        assertThatThrownBy(() -> DataFrame.readFrom(tooLong)).hasMessageContaining("limit=16777216");
    }

    @Test
    void columnsReadBackTwentyBytesAnEntryAndRefuseToBeCut() throws TransferException {
        EntryColumns columns = new EntryColumns(0);
        for (int i = 0; i < 100; i++) {
            columns.add(new RegionDescriptor(i % 3, 100 + i % 3, 1, Location.ANY, ""), i, 1L << 33);
        }
        assertThat(columns.encodedBytes()).isEqualTo(4 + 3 * 16 + 100 * 20);
        ByteBuf bytes = Unpooled.buffer();
        columns.writeTo(bytes);
        assertThat(bytes.readableBytes()).isEqualTo(columns.encodedBytes());
        for (int length = 0; length < bytes.readableBytes(); length++) {
            ByteBuf cut = bytes.slice(0, length);
            assertThatThrownBy(() -> EntryColumns.readFrom(cut, 100)).isInstanceOf(TransferException.class);
        }
        ByteBuf strayRegion = bytes.copy().setInt(4 + 3 * 16 + 4 * 50, 3);
        assertThatThrownBy(() -> EntryColumns.readFrom(strayRegion, 100))
                .hasMessageContaining("entry=50 names region=3 of regions=3");
        EntryColumns read = EntryColumns.readFrom(bytes, 100);
        assertThat(read.entries()).isEqualTo(100);
        assertThat(read.totalBytes()).isEqualTo(100L << 33);
        for (int i = 0; i < 100; i++) {
            assertThat(read.regionId(i)).isEqualTo(i % 3);
            assertThat(read.regionKey(i)).isEqualTo(100 + i % 3);
            assertThat(read.offset(i)).isEqualTo(i);
            assertThat(read.length(i)).isEqualTo(1L << 33);
        }
    }

    @Test
    void recordsOpenOnceInOrderAndUnchanged() throws GeneralSecurityException {
        Secret secret = new Secret(Ends.secret());
        byte[] transcript = {1, 2, 3};
        SessionCipher sealing = SessionCipher.sealing(secret, Role.CALLER, transcript);
        ByteBuf first = seal(sealing, "first");
        ByteBuf second = seal(sealing, "second");
        assertThat(open(SessionCipher.opening(secret, Role.CALLER, transcript), first))
                .isEqualTo("first");
        assertDoesNotOpen(SessionCipher.opening(secret, Role.CALLER, transcript), second);
        assertDoesNotOpen(SessionCipher.opening(secret, Role.CALLEE, transcript), first);
        assertDoesNotOpen(SessionCipher.opening(secret, Role.CALLER, new byte[] {1, 2, 4}), first);
        for (int i = SessionCipher.LENGTH_BYTES; i < first.readableBytes(); i++) {
            ByteBuf changed = first.copy();
            changed.setByte(i, changed.getByte(i) ^ 1);
            assertDoesNotOpen(SessionCipher.opening(secret, Role.CALLER, transcript), changed);
        }
        SessionCipher opening = SessionCipher.opening(secret, Role.CALLER, transcript);
        open(opening, first);
        assertThat(open(opening, second)).isEqualTo("second");
        assertDoesNotOpen(opening, second);
    }

    private static ByteBuf seal(SessionCipher cipher, String text) throws GeneralSecurityException {
        ByteBuf record = Unpooled.buffer(100);
        ByteBuf plain = Unpooled.copiedBuffer(text, UTF_8);
        cipher.seal(plain, plain.readableBytes(), record);
        return record;
    }

    private static String open(SessionCipher cipher, ByteBuf record) throws GeneralSecurityException {
        ByteBuf plain = Unpooled.buffer(100);
        ByteBuf sealed = record.duplicate();
        cipher.open(sealed, sealed.readInt(), plain);
        return plain.toString(UTF_8);
    }

    private static void assertDoesNotOpen(SessionCipher cipher, ByteBuf record) {
        assertThatThrownBy(() -> open(cipher, record)).isInstanceOf(GeneralSecurityException.class);
    }
}
