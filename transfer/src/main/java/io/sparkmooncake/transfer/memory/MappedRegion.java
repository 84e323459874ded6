// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A region over {@link MappedMemory}: owned and shareable, imported from a peer, or private. */
final class MappedRegion extends DescribedRegion {
    private final MappedMemory memory;

    /**
     * Takes its parts over.
     *
     * @param header the file's first page; null for private memory
     * @param file of an owned, shareable region; null for others
     */
    MappedRegion(
            RegionDescriptor descriptor,
            MappedMemory memory,
            @Nullable MappedMemory header,
            @Nullable SharedFile file) {
        super(descriptor, header, file);
        this.memory = memory;
    }

    @Override
    public ByteBuffer slice(long offset, int length) {
        return memory.slice(offset, length);
    }

    @Override
    public long address(long offset) {
        return memory.address(offset);
    }

    @Override
    void free() {
        memory.free();
        super.free();
    }
}
