// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Slot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.engine.testing.HeapRegion;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class WarmUpSlotsTest {
    private final List<HostRegion> registered = new ArrayList<>();
    private final WarmUpSlots slots =
            new WarmUpSlots(size -> new HeapRegion(registered.size() + 1L, size, Location.ANY), registered::add);

    @Test
    void growsBeyondAnyNumberOfPeersAndHandsNoSlotOutTwice() throws TransferException {
        Set<Slot> taken = new HashSet<>();
        for (int i = 0; i < 3 * WarmUpSlots.SLOTS_PER_REGION; i++) {
            assertThat(taken.add(slots.acquire())).isTrue();
        }
        assertThat(registered).hasSize(3);
        slots.close();
        assertThat(registered).allMatch(region -> ((HeapRegion) region).counts() == 0);
    }

    @Test
    void reusesTheSlotThatWasReleasedLongestAgo() throws TransferException {
        Slot first = slots.acquire();
        slots.release(first);
        for (int i = 0; i < WarmUpSlots.SLOTS_PER_REGION - 1; i++) {
            assertThat(slots.acquire()).isNotEqualTo(first);
        }
        assertThat(slots.acquire()).isEqualTo(first);
        assertThat(registered).hasSize(1);
    }

    @Test
    void layoutIsLittleEndianEpochThenSequence() throws TransferException {
        Slot slot = slots.acquire();
        slot.write(1, new Word(0x0102030405060708L, 9));
        assertThat(slot.read(1)).isEqualTo(new Word(0x0102030405060708L, 9));
        assertThat(slot.read(0)).isEqualTo(new Word(0, 0));
        assertThat(slot.wordOffset(1)).isEqualTo(slot.offset() + 16);
        assertThat(slot.region()
                        .slice(slot.offset(), 64)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong(16))
                .isEqualTo(0x0102030405060708L);
        assertThat(slot.region()
                        .slice(slot.offset(), 64)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .get(24))
                .isEqualTo((byte) 9);
    }
}
