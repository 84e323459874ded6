// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

final class RankRecordTest {
    private static final RankRecord RECORD = new RankRecord(
            3,
            8,
            1 << 18,
            new RankRecord.Home("exec-1", 0x55, "10.0.0.7:40213", "boot/pid:[7]/24"),
            new RegionDescriptor(1, 2, 3, Location.ANY, "/proc/1/fd/2"));

    private static RankRecord decode(byte[] bytes) throws TransferException {
        return RankRecord.decode(bytes, mark -> mark);
    }

    @Test
    void decodesWhatItEncoded() throws Exception {
        assertThat(decode(RECORD.encode())).isEqualTo(RECORD);
        assertThat(decode(RECORD.encode()).segment())
                .isEqualTo(new RegionDescriptor(1, 2, 3, Location.ANY, "/proc/1/fd/2"));
        assertThat(RankMaps.decode(RankMaps.encode(4, 1).toBytes())).containsExactly(1, 4);
        assertThatThrownBy(() -> RankMaps.decode(new byte[] {0, 0, 0, 1, 0}))
                .hasMessage("unreadable list of ranks of 5 bytes");
    }

    @Test
    void refusesEveryTruncation() {
        byte[] bytes = RECORD.encode();
        for (int length = 0; length < bytes.length; length++) {
            byte[] truncated = Arrays.copyOf(bytes, length);
            assertThatThrownBy(() -> decode(truncated))
                    .isInstanceOf(TransferException.class)
                    .hasMessage("unreadable rank record of " + truncated.length + " bytes");
        }
    }

    @Test
    void refusesAnotherVersionByNumber() {
        byte[] bytes = RECORD.encode();
        bytes[1] = 9;
        assertThatThrownBy(() -> decode(bytes))
                .hasMessage(
                        "rank record version=9, this build reads version=3: run the same spark-mooncake jar on every"
                                + " executor");
    }
}
