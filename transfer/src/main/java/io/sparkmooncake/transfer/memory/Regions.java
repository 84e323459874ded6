// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Makes host regions. Every region is created with one count, which is its caller's.
 *
 * <p>Threading: safe from any thread.
 */
public final class Regions {
    private static final SecureRandom KEYS = new SecureRandom();
    private static final AtomicLong NEXT_ID = new AtomicLong(1);

    private Regions() {}

    /**
     * Creates a region that same-host peers can map, in a file without a name.
     *
     * @param directory of a memory file system, or of a disk
     * @param sizeBytes may exceed 2 GiB; takes no blocks until written or reserved
     * @param location {@link Location#ANY} for control memory
     */
    public static HostRegion create(Path directory, long sizeBytes, Location location) throws IOException {
        return createMapped(directory, sizeBytes, location);
    }

    static MappedRegion createMapped(Path directory, long sizeBytes, Location location) throws IOException {
        checkSize(sizeBytes);
        SharedFile file = SharedFile.create(directory);
        boolean created = false;
        try {
            long id = NEXT_ID.getAndIncrement();
            long key = KEYS.nextLong();
            file.write(0, RegionHeaderLayout.encode(id, key, sizeBytes));
            MappedMemory memory = MappedMemory.map(file.channel(), RegionHeaderLayout.SIZE_BYTES, sizeBytes);
            created = true;
            RegionDescriptor descriptor = new RegionDescriptor(id, key, sizeBytes, location, file.path());
            return new MappedRegion(descriptor, memory, file);
        } finally {
            if (!created) {
                file.close();
            }
        }
    }

    /** Creates a region that only transfers reach, of at most 2 GiB − 1. */
    public static HostRegion allocate(long sizeBytes) {
        checkSize(sizeBytes);
        MappedMemory memory = MappedMemory.allocate(Math.toIntExact(sizeBytes));
        return new MappedRegion(
                new RegionDescriptor(NEXT_ID.getAndIncrement(), KEYS.nextLong(), sizeBytes, Location.ANY, ""),
                memory,
                null);
    }

    /**
     * Maps a peer's region and proves that it is the one described. The mapping stays valid when its owner dies.
     *
     * @throws IOException naming the path and what was found there
     */
    public static HostRegion importFrom(RegionDescriptor descriptor) throws IOException {
        checkSize(descriptor.sizeBytes());
        Path path = Path.of(descriptor.path());
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long needed = RegionHeaderLayout.SIZE_BYTES + descriptor.sizeBytes();
            if (file.size() < needed) {
                throw new IOException(path + " has size=" + file.size() + ", the region needs " + needed);
            }
            MappedMemory header = MappedMemory.map(file, 0, RegionHeaderLayout.SIZE_BYTES);
            try {
                RegionHeaderLayout.verify(header.slice(0, RegionHeaderLayout.SIZE_BYTES), descriptor);
            } finally {
                header.free();
            }
            MappedMemory memory = MappedMemory.map(file, RegionHeaderLayout.SIZE_BYTES, descriptor.sizeBytes());
            return new MappedRegion(descriptor, memory, null);
        }
    }

    /** Makes every later import of an owned region fail; mappings that exist stay valid. */
    public static void revoke(MemoryRegion region) throws IOException {
        if (region instanceof MappedRegion mapped && mapped.file() != null) {
            ByteBuffer page = RegionHeaderLayout.revoked();
            mapped.file().write(0, page);
        }
    }

    private static void checkSize(long sizeBytes) {
        if (sizeBytes <= 0) {
            throw new IllegalArgumentException("region size=" + sizeBytes + " must be positive");
        }
    }
}
