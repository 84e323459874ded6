// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.TransferException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the owner answers without a device. */
final class StagedServiceTest {
    private static final int MANY = 64;

    @TempDir
    private Path directory;

    private final Map<Integer, Stage> none = Map.of();
    private StagedService service = new StagedService(none, List.of(), Path.of("/dev/shm"));

    @AfterEach
    void close() {
        service.close();
    }

    private ByteBuffer ask(int caller, int op, StagedFrame.Entry... entries) throws TransferException {
        return service.answer(
                new ControlService.Caller("exec-" + caller, 1, "127.0.0.1"),
                StagedFrame.encode((byte) op, List.of(entries)));
    }

    @Test
    void onlyOpeningMakesAWindowAndTheOneUsedLongestAgoIsGivenUp() throws Exception {
        service = new StagedService(none, List.of(), directory);
        assertThat(StagedFrame.moved(ask(0, StagedFrame.FETCH))).isEqualTo(StagedFrame.NO_WINDOW);
        for (int caller = 0; caller < MANY; caller++) {
            long id = StagedFrame.window(ask(caller, StagedFrame.OPEN)).id();
            assertThat(StagedFrame.window(ask(caller, StagedFrame.OPEN)).id()).isEqualTo(id);
        }
        assertThat(StagedFrame.moved(ask(0, StagedFrame.FETCH))).isZero();
        ask(MANY, StagedFrame.OPEN);
        assertThat(StagedFrame.moved(ask(0, StagedFrame.FETCH))).isZero();
        assertThat(StagedFrame.moved(ask(1, StagedFrame.STORE))).isEqualTo(StagedFrame.NO_WINDOW);
        service.close();
        assertThat(StagedFrame.moved(ask(0, StagedFrame.FETCH))).isEqualTo(StagedFrame.NO_WINDOW);
        assertThatThrownBy(() -> ask(0, StagedFrame.OPEN)).hasMessageContaining("ended");
    }

    @Test
    void refusesByReasonAndByNumber() throws Exception {
        ask(0, StagedFrame.OPEN);
        assertThatThrownBy(() -> ask(0, 7))
                .isInstanceOf(TransferException.class)
                .hasMessageContaining("operation=7");
        assertThatThrownBy(() -> ask(0, StagedFrame.FETCH, new StagedFrame.Entry(5, 6, 0, 8)))
                .hasMessageContaining("id=5")
                .hasMessageContaining("refused: it is not registered");
        assertThat(service.refusals()).isEqualTo(1);
    }
}
