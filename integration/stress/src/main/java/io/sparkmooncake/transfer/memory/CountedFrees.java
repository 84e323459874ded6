// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.lang.reflect.Constructor;
import java.nio.ByteBuffer;

/**
 * A region whose frees can be counted: its memory is a slice of a buffer, which the JDK refuses to unmap, so that every free
 * throws. Nothing else in the region is different from the product's.
 */
final class CountedFrees {
    private static final ByteBuffer WHOLE = ByteBuffer.allocateDirect(64);

    private CountedFrees() {}

    /** Returns a region with one owner. */
    static MappedRegion region() {
        try {
            Constructor<MappedMemory> constructor =
                    MappedMemory.class.getDeclaredConstructor(ByteBuffer[].class, long.class);
            constructor.setAccessible(true);
            MappedMemory memory = constructor.newInstance(new ByteBuffer[] {WHOLE.slice(0, 8)}, 8L);
            return new MappedRegion(new RegionDescriptor(1, 2, 8, Location.ANY, ""), memory, null, null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Releases one count; tells whether that freed the memory. */
    static boolean byReleaseOf(MappedRegion region) {
        try {
            region.release();
            return false;
        } catch (IllegalArgumentException sliceIsNotUnmapped) {
            return true;
        }
    }
}
