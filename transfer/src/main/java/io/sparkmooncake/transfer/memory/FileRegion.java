// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A region whose bytes stay in a file: owned, or imported from a peer. Only its header page is mapped, so reading it neither
 * counts as resident memory nor stops a thread in a page fault.
 */
final class FileRegion extends DescribedRegion {
    private final SharedFile file;

    /** Takes its parts over. */
    FileRegion(RegionDescriptor descriptor, MappedMemory header, SharedFile file) {
        super(descriptor, header, file);
        this.file = file;
    }

    @Override
    public boolean isAddressable() {
        return false;
    }

    @Override
    public ByteBuffer slice(long offset, int length) {
        throw notAddressable();
    }

    @Override
    public long address(long offset) {
        throw notAddressable();
    }

    private UnsupportedOperationException notAddressable() {
        return new UnsupportedOperationException(this + " is in a file: read it with readFully");
    }

    @Override
    public void readFully(long offset, ByteBuffer target) throws IOException {
        Objects.checkFromIndexSize(offset, target.remaining(), sizeBytes());
        int length = target.remaining();
        try {
            file.readFully(RegionHeaderLayout.SIZE_BYTES + offset, target);
        } catch (IOException e) {
            throw new IOException(
                    "reading offset=" + offset + " length=" + length + " of " + this + " failed: " + e.getMessage(), e);
        }
        if (isRevoked()) {
            throw new IOException(this + " was revoked by its owner before its bytes were read");
        }
    }
}
