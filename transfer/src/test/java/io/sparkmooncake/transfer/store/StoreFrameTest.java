// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class StoreFrameTest {
    private static final Blob BLOB = Blob.of(new byte[] {1, 2, 3});
    private static final StoreValue VALUE = new StoreValue(7, BLOB);

    private static final List<StoreRequest> REQUESTS = List.of(
            new StoreRequest.Put("k", BLOB),
            new StoreRequest.Claim("k", BLOB, new Owner("3", -5, "host:1")),
            new StoreRequest.Get("kéy"),
            new StoreRequest.Add("k", -9),
            new StoreRequest.CompareAndSet("k", Optional.empty(), BLOB),
            new StoreRequest.CompareAndSet("k", Optional.of(BLOB), Blob.of("")),
            new StoreRequest.Delete("k"),
            new StoreRequest.DeletePrefix("k/"),
            new StoreRequest.Leave("3", 5, "ended"),
            new StoreRequest.Poll(List.of(
                    new Look.Query(Look.Scope.KEY, "k", Look.Cursor.START),
                    new Look.Query(Look.Scope.PREFIX, "", new Look.Cursor(4, 9)))));

    private static final List<StoreReply> REPLIES = List.of(
            new StoreReply.Count(Long.MIN_VALUE),
            new StoreReply.Found(Optional.empty()),
            new StoreReply.Found(Optional.of(VALUE)),
            new StoreReply.Swapped(new Store.Swap(true, Optional.of(VALUE))),
            new StoreReply.Swapped(new Store.Swap(false, Optional.empty())),
            new StoreReply.Refused(Code.REFUSED, "full"),
            new StoreReply.Looked(List.of(
                    new Look.Answer(false, new Look.Cursor(1, 2), true, List.of()),
                    new Look.Answer(
                            true,
                            new Look.Cursor(9, 9),
                            false,
                            List.of(
                                    new Change.Present("a", VALUE),
                                    new Change.Removed("b", 8, Change.Cause.OWNER_GONE, "lost"))))));

    @Test
    void returnsEveryRequestAsItWas() throws TransferException {
        for (StoreRequest request : REQUESTS) {
            assertThat(StoreFrame.decodeRequest(StoreFrame.encode(request))).isEqualTo(request);
        }
    }

    @Test
    void returnsEveryReplyAsItWas() throws TransferException {
        for (StoreReply reply : REPLIES) {
            StoreReply.Paced paced = new StoreReply.Paced(250, reply);
            assertThat(StoreFrame.decodeReply(StoreFrame.encode(paced))).isEqualTo(paced);
        }
    }

    @Test
    void refusesEveryTruncationOfEveryFrame() {
        for (StoreRequest request : REQUESTS) {
            byte[] frame = StoreFrame.encode(request);
            for (int length = 0; length < frame.length; length++) {
                byte[] cut = Arrays.copyOf(frame, length);
                assertProtocol(() -> StoreFrame.decodeRequest(cut));
            }
        }
        for (StoreReply reply : REPLIES) {
            byte[] frame = StoreFrame.encode(new StoreReply.Paced(8, reply));
            for (int length = 0; length < frame.length; length++) {
                byte[] cut = Arrays.copyOf(frame, length);
                assertProtocol(() -> StoreFrame.decodeReply(cut));
            }
        }
    }

    @Test
    void refusesBytesBehindTheFrame() {
        byte[] frame = StoreFrame.encode(REQUESTS.get(0));
        assertProtocol(() -> StoreFrame.decodeRequest(Arrays.copyOf(frame, frame.length + 1)));
    }

    @Test
    void refusesAnotherVersionByNumber() {
        byte[] frame = StoreFrame.encode(REQUESTS.get(0));
        frame[2] = 9;
        assertThatThrownBy(() -> StoreFrame.decodeRequest(frame))
                .isInstanceOf(TransferException.class)
                .hasMessageContaining("version=9, this build speaks magic=4d53 version=2")
                .hasMessageContaining("run the same spark-mooncake jar on driver and executors");
    }

    @Test
    void refusesALengthBeyondTheFrameBeforeItAllocates() {
        byte[] frame = StoreFrame.encode(new StoreRequest.Put("k", BLOB));
        frame[7] = 0x7f;
        assertThatThrownBy(() -> StoreFrame.decodeRequest(frame)).hasMessageContaining("in a frame with 3 left");
    }

    @Test
    void answersAFrameThatItCannotReadWithARefusal() throws TransferException {
        byte[] answer = new HostedStore(1_024).answer(new byte[] {1, 2, 3, 4});
        assertThat(StoreFrame.decodeReply(answer).reply())
                .isInstanceOfSatisfying(
                        StoreReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(Code.PROTOCOL));
    }

    private static void assertProtocol(org.assertj.core.api.ThrowableAssert.ThrowingCallable decoding) {
        assertThatThrownBy(decoding)
                .isInstanceOfSatisfying(
                        TransferException.class, e -> assertThat(e.code()).isEqualTo(Code.PROTOCOL));
    }
}
