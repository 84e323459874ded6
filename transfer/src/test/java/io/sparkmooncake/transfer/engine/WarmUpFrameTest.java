// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.WarmUpFrame.Grant;
import io.sparkmooncake.transfer.engine.WarmUpFrame.RemoteSlot;
import io.sparkmooncake.transfer.engine.WarmUpFrame.Request;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

final class WarmUpFrameTest {
    private static final List<Word> WORDS = List.of(new Word(-1, 2), new Word(3, Long.MAX_VALUE));
    private static final Grant GRANT = new Grant(
            9,
            List.of(new RemoteSlot(
                    new RegionDescriptor(1, 2, 65_536, Location.ANY, "/proc/1/fd/3"), 64, WORDS.get(0))));

    private interface Decoder {
        Object decode(ByteBuffer frame) throws TransferException;
    }

    @Test
    void returnsWhatWasEncodedAndRefusesEveryTruncation() throws TransferException {
        for (Request request : List.of(Request.grant(-7, 3), Request.confirm(7, 8, WORDS), Request.abandon(7, 9))) {
            check(request, WarmUpFrame.encode(request), WarmUpFrame::decodeRequest);
        }
        check(GRANT, WarmUpFrame.encode(GRANT), WarmUpFrame::decodeGrant);
        check(WORDS, WarmUpFrame.encode(WORDS), WarmUpFrame::decodeWords);
    }

    private static void check(Object expected, ByteBuffer frame, Decoder decoder) throws TransferException {
        assertThat(decoder.decode(frame.duplicate())).isEqualTo(expected);
        for (int length = 0; length < frame.limit(); length++) {
            ByteBuffer cut = frame.duplicate().limit(length);
            assertThatThrownBy(() -> decoder.decode(cut))
                    .as("%s cut to %d bytes", expected, length)
                    .isInstanceOf(TransferException.class);
        }
        ByteBuffer longer =
                ByteBuffer.allocate(frame.limit() + 1).put(frame.duplicate()).rewind();
        assertThatThrownBy(() -> decoder.decode(longer)).isInstanceOf(TransferException.class);
    }

    @Test
    void refusesAnotherVersionByNumber() {
        ByteBuffer frame = WarmUpFrame.encode(Request.grant(1, 1));
        frame.put(0, (byte) 9);
        assertThatThrownBy(() -> WarmUpFrame.decodeRequest(frame))
                .hasMessageContaining("version=9 op=2, this build speaks version=1");
    }
}
