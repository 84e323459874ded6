// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import io.sparkmooncake.transfer.memory.RegionHeaderLayout.Body;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Makes host regions. Every region is created with one count, which is its caller's.
 *
 * <p>Threading: safe from any thread.
 */
public final class Regions {
    private static final SecureRandom KEYS = new SecureRandom();
    private static final Pattern DESCRIPTOR_PATH = Pattern.compile("/proc/[0-9]{1,10}/fd/[0-9]{1,10}");

    private Regions() {}

    /**
     * Creates a region that same-host peers can map, in a file without a name.
     *
     * @param directory of a memory file system, or of a disk
     * @param sizeBytes may exceed 2 GiB; takes no blocks until written or reserved
     * @param location {@link Location#ANY} for control memory
     */
    public static HostRegion create(Path directory, long sizeBytes, Location location) throws IOException {
        return create(directory, sizeBytes, location, Body.MAPPED);
    }

    /**
     * Creates a region like {@link #create}, with all its blocks taken: a full file system is an exception here, and never a signal
     * later. For control memory.
     */
    public static HostRegion createReserved(Path directory, long sizeBytes, Location location) throws IOException {
        DescribedRegion region = create(directory, sizeBytes, location, Body.MAPPED);
        boolean reserved = false;
        try {
            SharedFile file = Objects.requireNonNull(region.ownFile());
            file.reserve(RegionHeaderLayout.SIZE_BYTES, RegionHeaderLayout.SIZE_BYTES + sizeBytes);
            reserved = true;
            return region;
        } finally {
            if (!reserved) {
                region.release();
            }
        }
    }

    /** Creates a region in a file of a disk that nobody maps: see {@link HostRegion#isAddressable}. It takes no blocks until written. */
    static HostRegion createFile(Path directory, long sizeBytes) throws IOException {
        return create(directory, sizeBytes, Location.ANY, Body.FILE);
    }

    private static DescribedRegion create(Path directory, long sizeBytes, Location location, Body body)
            throws IOException {
        checkSize(sizeBytes);
        SharedFile file = SharedFile.create(directory);
        boolean created = false;
        try {
            long id = newId();
            RegionDescriptor descriptor = new RegionDescriptor(id, KEYS.nextLong(), sizeBytes, location, file.path());
            file.write(0, RegionHeaderLayout.encode(id, descriptor.key(), sizeBytes, body));
            file.extendTo(RegionHeaderLayout.SIZE_BYTES + sizeBytes);
            DescribedRegion region = open(file.channel(), descriptor, file);
            created = true;
            return region;
        } finally {
            if (!created) {
                file.close();
            }
        }
    }

    /**
     * Maps the header, and the bytes unless they stay in the file; or nothing.
     *
     * @param file of an owned region; null for an imported one, of which only the kind that is not mapped needs a file
     */
    private static DescribedRegion open(FileChannel channel, RegionDescriptor descriptor, @Nullable SharedFile file)
            throws IOException {
        MappedMemory header = MappedMemory.map(channel, 0, RegionHeaderLayout.SIZE_BYTES);
        boolean mapped = false;
        try {
            ByteBuffer page = header.slice(0, RegionHeaderLayout.SIZE_BYTES);
            RegionHeaderLayout.verify(page, descriptor);
            DescribedRegion region = RegionHeaderLayout.body(page) == Body.FILE
                    ? new FileRegion(descriptor, header, file == null ? openFile(descriptor) : file)
                    : new MappedRegion(
                            descriptor,
                            MappedMemory.map(channel, RegionHeaderLayout.SIZE_BYTES, descriptor.sizeBytes()),
                            header,
                            file);
            mapped = true;
            return region;
        } finally {
            if (!mapped) {
                header.free();
            }
        }
    }

    /** Opens a peer's file once more, to keep it, and proves that it is still the one described. */
    private static SharedFile openFile(RegionDescriptor descriptor) throws IOException {
        SharedFile file = SharedFile.open(Path.of(descriptor.path()));
        boolean proved = false;
        try {
            ByteBuffer page = ByteBuffer.allocate(RegionHeaderLayout.SIZE_BYTES);
            file.readFully(0, page);
            RegionHeaderLayout.verify(page.flip(), descriptor);
            proved = true;
            return file;
        } finally {
            if (!proved) {
                file.close();
            }
        }
    }

    /** Creates a region that only transfers reach, of at most 2 GiB − 1. */
    public static HostRegion allocate(long sizeBytes) {
        checkSize(sizeBytes);
        MappedMemory memory = MappedMemory.allocate(Math.toIntExact(sizeBytes));
        return new MappedRegion(
                new RegionDescriptor(newId(), KEYS.nextLong(), sizeBytes, Location.ANY, ""), memory, null, null);
    }

    /**
     * Maps a peer's region, or opens its file, and proves that it is the one described. It stays valid when its owner dies.
     *
     * @throws IOException naming the path and what was found there
     */
    public static HostRegion importFrom(RegionDescriptor descriptor) throws IOException {
        long needed = RegionHeaderLayout.SIZE_BYTES + descriptor.sizeBytes();
        if (descriptor.sizeBytes() <= 0 || needed < 0) {
            throw new IOException(descriptor.path() + " cannot hold a region of size=" + descriptor.sizeBytes());
        }
        Path path = pathOf(descriptor);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (file.size() < needed) {
                throw new IOException(descriptor.path() + " has size=" + file.size() + ", the region needs " + needed);
            }
            return open(file, descriptor, null);
        }
    }

    /** Checks that a peer's path is a descriptor of a process; any other file or device is never opened. */
    private static Path pathOf(RegionDescriptor descriptor) throws IOException {
        if (!DESCRIPTOR_PATH.matcher(descriptor.path()).matches()) {
            throw new IOException("the path of region id=" + descriptor.id() + " is not a descriptor of a process: "
                    + (descriptor.path().isEmpty() ? "its owner cannot share it" : descriptor.path()));
        }
        return Path.of(descriptor.path());
    }

    /**
     * Makes every later import of an owned region fail, for good. Mappings that exist stay valid and see it through
     * {@link #isRevoked}. The caller holds a count.
     */
    public static void revoke(MemoryRegion region) {
        if (region instanceof DescribedRegion described) {
            described.revoke();
        }
    }

    /**
     * Returns whether its owner has revoked a region; false for private memory. Costs one load from memory. A caller that copied
     * from the region before, and finds it not revoked, has no byte that the owner wrote after it revoked the region. The caller
     * holds a count.
     */
    public static boolean isRevoked(MemoryRegion region) {
        return region instanceof DescribedRegion described && described.isRevoked();
    }

    /**
     * Copies between two addressable regions, of which the caller holds counts. Overlapping stretches end undefined.
     *
     * @param length at most {@link HostRegion#MAX_SLICE_BYTES}
     */
    public static void copy(HostRegion from, long fromOffset, HostRegion to, long toOffset, long length) {
        Objects.checkFromIndexSize(fromOffset, length, from.sizeBytes());
        Objects.checkFromIndexSize(toOffset, length, to.sizeBytes());
        if (length > HostRegion.MAX_SLICE_BYTES) {
            throw new IndexOutOfBoundsException(
                    "copy length=" + length + " exceeds limit=" + HostRegion.MAX_SLICE_BYTES);
        }
        MappedMemory.copy(from.address(fromOffset), to.address(toOffset), length);
    }

    /** Random, so that no process-wide counter is needed; 63 bits do not meet twice. */
    private static long newId() {
        return KEYS.nextLong() & Long.MAX_VALUE;
    }

    private static void checkSize(long sizeBytes) {
        if (sizeBytes <= 0) {
            throw new IllegalArgumentException("region size=" + sizeBytes + " must be positive");
        }
    }
}
