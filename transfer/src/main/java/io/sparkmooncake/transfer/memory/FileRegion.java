// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A region whose bytes stay in a file: owned, or imported from a peer. Only its header page is mapped, so reading it neither
 * counts as resident memory nor stops a thread in a page fault.
 */
final class FileRegion implements HostRegion, Shareable {
    private final RegionDescriptor descriptor;
    private final MappedMemory header;
    private final SharedFile file;
    private final OwnerCount owners;

    /** Takes its parts over. */
    FileRegion(RegionDescriptor descriptor, MappedMemory header, SharedFile file) {
        this.descriptor = descriptor;
        this.header = header;
        this.file = file;
        this.owners = new OwnerCount(descriptor.id());
    }

    @Override
    public SharedFile file() {
        return file;
    }

    @Override
    public MappedMemory header() {
        return header;
    }

    @Override
    public long id() {
        return descriptor.id();
    }

    @Override
    public RegionDescriptor descriptor() {
        return descriptor;
    }

    @Override
    public long sizeBytes() {
        return descriptor.sizeBytes();
    }

    @Override
    public Location location() {
        return descriptor.location();
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
        } catch (EOFException e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(
                    "reading offset=" + offset + " length=" + length + " of " + this + " failed: " + e.getMessage(), e);
        }
        if (RegionHeaderLayout.isRevoked(header)) {
            throw new IOException(this + " was revoked by its owner before its bytes were read");
        }
    }

    @Override
    public void retain() {
        owners.retain();
    }

    @Override
    public boolean tryRetain() {
        return owners.tryRetain();
    }

    @Override
    public void release() {
        if (owners.release()) {
            header.free();
            try {
                file.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public String toString() {
        return "region id=" + id() + " size=" + sizeBytes() + " location=" + location() + " file=" + descriptor.path();
    }
}
