// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import org.jspecify.annotations.Nullable;

/** A region that may have a file. */
sealed interface Shareable permits MappedRegion, FileRegion {
    /** Returns the file that stays open with the region; null for private memory and for imported mappings. */
    @Nullable
    SharedFile file();

    /** Returns the file's first page, mapped as long as the region lives; null for private memory. */
    @Nullable
    MappedMemory header();
}
