// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import com.google.errorprone.annotations.OverridingMethodsMustInvokeSuper;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/** What every region of this host has: a descriptor, a count of its owners, and, if peers can reach it, a file and its header. */
abstract sealed class DescribedRegion implements HostRegion permits MappedRegion, FileRegion {
    private final RegionDescriptor descriptor;
    private final @Nullable MappedMemory header;
    private final @Nullable SharedFile file;
    private final OwnerCount owners;

    /**
     * Takes its parts over.
     *
     * @param header the file's first page; null for private memory
     * @param file stays open with the region; null for private memory and for imported mappings
     */
    DescribedRegion(RegionDescriptor descriptor, @Nullable MappedMemory header, @Nullable SharedFile file) {
        this.descriptor = descriptor;
        this.header = header;
        this.file = file;
        this.owners = new OwnerCount(descriptor.id());
    }

    /** Returns the file of a region that this process created; null for private memory and for imported regions. */
    final @Nullable SharedFile ownFile() {
        return file != null && file.isCreatedHere() ? file : null;
    }

    /** Marks a region of this process as revoked; does nothing to others. */
    final void revoke() {
        if (header != null && ownFile() != null) {
            RegionHeaderLayout.revoke(header);
        }
    }

    /** Returns whether the region's owner revoked it; false for private memory. */
    final boolean isRevoked() {
        return header != null && RegionHeaderLayout.isRevoked(header);
    }

    @Override
    public final long id() {
        return descriptor.id();
    }

    @Override
    public final RegionDescriptor descriptor() {
        return descriptor;
    }

    @Override
    public final long sizeBytes() {
        return descriptor.sizeBytes();
    }

    @Override
    public final Location location() {
        return descriptor.location();
    }

    @Override
    public final void retain() {
        owners.retain();
    }

    @Override
    public final boolean tryRetain() {
        return owners.tryRetain();
    }

    @Override
    public final void release() {
        if (owners.release()) {
            free();
        }
    }

    /** Frees what the region consists of, once. */
    @OverridingMethodsMustInvokeSuper
    void free() {
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
    public final String toString() {
        return "region id=" + id() + " size=" + sizeBytes() + " location=" + location() + " path=" + descriptor.path();
    }
}
