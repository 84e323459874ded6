// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** A peer's region with a word in it, and caches that have mapped it. */
final class OneRegion {
    private static final long TOKEN = 0x5ca1_ab1e_5ca1_ab1eL;
    private static final HostRegion OWNED = create();

    private OneRegion() {}

    private static HostRegion create() {
        try {
            HostRegion region = Regions.create(Path.of("/dev/shm"), 4096, Location.ANY);
            region.slice(0, Long.BYTES).putLong(0, TOKEN);
            return region;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns a cache that holds the region's mapping and no user of it. */
    static ImportedRegions mapped() {
        ImportedRegions regions = new ImportedRegions(() -> {});
        use(regions);
        return regions;
    }

    /** Takes the mapping, reads it and releases it; says how that ended. Reading what is unmapped ends the JVM. */
    static String use(ImportedRegions regions) {
        HostRegion region;
        try {
            region = regions.acquire(OWNED.descriptor());
        } catch (IOException e) {
            return "refused";
        }
        long word = region.slice(0, Long.BYTES).getLong(0);
        region.release();
        return word == TOKEN ? "read" : "wrong";
    }
}
