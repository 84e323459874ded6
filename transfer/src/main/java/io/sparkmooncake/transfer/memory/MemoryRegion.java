// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

/**
 * Memory that can be registered with an engine. Counted: created with one count for its creator; freed when the last count
 * is released. Sizes are bytes and may exceed 2 GiB.
 *
 * <p>Threading: safe from any thread.
 */
public interface MemoryRegion {
    /** Returns the id, unique in this process's life. */
    long id();

    /** Returns what peers must present: id, random key, size, location, and where it can be mapped. */
    RegionDescriptor descriptor();

    /** Returns the size in bytes. */
    long sizeBytes();

    /** Returns where the memory is. */
    Location location();

    /** Adds an owner; fails with {@link IllegalStateException} when the region is already freed. */
    void retain();

    /** Adds an owner unless the region is already freed. */
    boolean tryRetain();

    /** Removes an owner; the last one frees the memory. Releasing a freed region is an {@link IllegalStateException}. */
    void release();
}
