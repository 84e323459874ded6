// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Where the blocks of a task become readable: where they lie already, or in memory that a transfer fills.
 *
 * <p>Threading: safe from any thread; nothing waits for memory.
 */
public interface Landing {
    /**
     * Makes all rows of a look-up readable where they lie: without a copy in memory, by {@link Place#load} in files.
     *
     * @return empty when they must be transferred
     * @throws TransferException when they should be readable in place and are not
     */
    Optional<Place> inPlace(FoundBlocks found) throws TransferException;

    /**
     * Takes memory that a transfer of these rows will fill.
     *
     * @return empty when none is free now; ask again when something was given back
     * @throws IOException when there will be none
     */
    Optional<Place> tryTake(BlockTable table, int startRow, int endRow) throws IOException;

    /**
     * Takes memory for rows that the calling task cannot go on without, if need be beyond the limit.
     *
     * @return empty when none can be had now; ask again when something was given back
     * @throws IOException when there will be none
     */
    Optional<Place> tryTakeNeeded(BlockTable table, int startRow, int endRow) throws IOException;

    /** Returns a number that grows whenever memory was given back. */
    long changes();

    /** Describes for an error what the memory is limited to, and what is used of it. */
    String describeMemory();

    /** Runs {@code close}, which gives memory back, once a thread has ended that may be reading it still. */
    void closeAfter(Thread reader, Runnable close);

    /** Memory that holds the bytes of rows, owned by its holder until it is closed. */
    interface Place extends AutoCloseable {
        /**
         * Takes the memory that a row needs besides. The rows of the call before are then gone.
         *
         * @return whether there was such memory
         * @throws IOException if there will be none
         */
        default boolean tryReserve(int row) throws IOException {
            return true;
        }

        /**
         * Makes a reserved row readable.
         *
         * @throws IOException when its bytes cannot be read
         */
        default void load(int row) throws IOException {}

        /** Returns the region that holds the row's bytes, of any kind that a transfer can fill. */
        MemoryRegion region(int row);

        /** Returns where in {@link #region} the row's bytes begin. */
        long offset(int row);

        /**
         * Returns bytes of a row that is readable.
         *
         * @param from where they begin in the row
         * @return a view of {@code length} bytes, valid until the place is closed or moves to other rows
         */
        ByteBuffer bytes(int row, long from, int length);

        /** Returns how the bytes came there. */
        ReadCounters.Path path();

        /** Gives the memory back. Call once. */
        @Override
        void close();
    }
}
