// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;

/** One slot: its head, and its payload as elements of each type, views that are made once. Threading: as the memory. */
final class Slot {
    private final ByteBuffer bytes;
    private final EnumMap<DataType, Elements> views = new EnumMap<>(DataType.class);

    Slot(ByteBuffer bytes) {
        this.bytes = bytes;
    }

    static Slot[] of(LaneLayout layout, ByteBuffer lane) {
        Slot[] slots = new Slot[layout.slots()];
        for (int i = 0; i < slots.length; i++) {
            int length = LaneLayout.HEAD_BYTES + layout.slotBytes();
            slots[i] = new Slot(lane.slice(layout.slotAt(i), length).order(ByteOrder.nativeOrder()));
        }
        return slots;
    }

    /** Returns head and payload. */
    ByteBuffer bytes() {
        return bytes;
    }

    Elements payload(DataType type) {
        Elements view = views.get(type);
        if (view == null) {
            int length = bytes.capacity() - LaneLayout.HEAD_BYTES;
            view = Elements.of(bytes.slice(LaneLayout.HEAD_BYTES, length), type);
            views.put(type, view);
        }
        return view;
    }
}
