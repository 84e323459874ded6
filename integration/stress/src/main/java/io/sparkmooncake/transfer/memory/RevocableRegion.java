// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * An owner's region, a second mapping of its file as a peer has it, and private memory to read into. Revoking is final in the
 * product; making a file for every try would cost a thousand times the try, so a region that was used gets its magic back.
 *
 * <p>Each one in use takes two descriptors: bin/stress bounds how many tries live at a time.
 */
public final class RevocableRegion {
    /** Bytes that the owner overwrites and the reader copies. */
    public static final int SIZE_BYTES = 2048;

    private static final long OLD = 0x1111_1111_1111_1111L;
    static final long NEW = 0x2222_2222_2222_2222L;
    private static final ConcurrentLinkedQueue<RevocableRegion> FREE = new ConcurrentLinkedQueue<>();

    private final MappedRegion owned;
    private final HostRegion mapped;
    private final HostRegion local = Regions.allocate(SIZE_BYTES);
    private final long magic;

    private RevocableRegion() throws IOException {
        owned = Regions.createMapped(Path.of("/dev/shm"), SIZE_BYTES, Location.ANY);
        mapped = Regions.importFrom(owned.descriptor());
        magic = header().getLongAfterReads(0);
    }

    /** Returns a region that is not revoked and holds the old bytes. */
    public static RevocableRegion take() {
        RevocableRegion region = FREE.poll();
        if (region == null) {
            try {
                region = new RevocableRegion();
            } catch (IOException e) {
                throw new UncheckedIOException("too many tries at a time: use a smaller -strideCount", e);
            }
        }
        region.header().putLongBeforeWrites(0, region.magic);
        fill(region.owned, OLD);
        fill(region.local, 0);
        return region;
    }

    /** Ends its use. */
    public void giveBack() {
        FREE.add(this);
    }

    private MappedMemory header() {
        return Objects.requireNonNull(owned.header(), "header");
    }

    /** Returns the owner's side. */
    public HostRegion owned() {
        return owned;
    }

    /** Returns the peer's mapping of the same file. */
    public HostRegion mapped() {
        return mapped;
    }

    /** Returns the reader's own memory. */
    public HostRegion local() {
        return local;
    }

    /** Reuses the memory, as its owner does after unregister has returned. */
    public void overwrite() {
        fill(owned, NEW);
    }

    private static void fill(HostRegion region, long word) {
        ByteBuffer bytes = region.slice(0, SIZE_BYTES);
        for (int at = 0; at < SIZE_BYTES; at += Long.BYTES) {
            bytes.putLong(at, word);
        }
    }

    /** Says what one word is: "old" or "new". */
    static String name(long word) {
        return word == OLD ? "old" : word == NEW ? "new" : "wrong";
    }

    /** Says what the reader's memory holds: "old", "new", "mixed", or "nothing" where nothing was copied. */
    public String received() {
        ByteBuffer bytes = local.slice(0, SIZE_BYTES);
        int olds = 0;
        int news = 0;
        int zeros = 0;
        for (int at = 0; at < SIZE_BYTES; at += Long.BYTES) {
            long word = bytes.getLong(at);
            olds += word == OLD ? 1 : 0;
            news += word == NEW ? 1 : 0;
            zeros += word == 0 ? 1 : 0;
        }
        int words = SIZE_BYTES / Long.BYTES;
        if (olds + news == words) {
            return news == 0 ? "old" : olds == 0 ? "new" : "mixed";
        }
        return zeros == words ? "nothing" : "wrong";
    }
}
