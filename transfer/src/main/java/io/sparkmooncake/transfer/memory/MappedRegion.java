// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A region over {@link MappedMemory}: owned and shareable, imported from a peer, or private. */
final class MappedRegion implements HostRegion, Shareable {
    private final RegionDescriptor descriptor;
    private final MappedMemory memory;
    private final @Nullable MappedMemory header;
    private final @Nullable SharedFile file;
    private final OwnerCount owners;

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
        this.descriptor = descriptor;
        this.owners = new OwnerCount(descriptor.id());
        this.memory = memory;
        this.header = header;
        this.file = file;
    }

    @Override
    public @Nullable SharedFile file() {
        return file;
    }

    @Override
    public @Nullable MappedMemory header() {
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
    public ByteBuffer slice(long offset, int length) {
        return memory.slice(offset, length);
    }

    @Override
    public long address(long offset) {
        return memory.address(offset);
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
            free();
        }
    }

    private void free() {
        memory.free();
        if (header != null) {
            header.free();
        }
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public String toString() {
        return "region id=" + id() + " size=" + sizeBytes() + " location=" + location() + " path=" + descriptor.path();
    }
}
