// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.file.Path;

/**
 * How the contract starts one transport, in the test's JVM and in the owner's. Implementations have a public constructor
 * without parameters: {@link OwnerMain} finds them by class name.
 */
public interface TransportFixture {
    /** Starts a transport under this name, with a new epoch, listening where it needs to. */
    End open(String name) throws Exception;

    /** Tells whether an owner whose threads stand still can be read: true where no code of the owner takes part. */
    boolean frozenOwnersCanBeRead();

    /** Tells where refused requests are counted: by the owner (false), or by the one who asks (true). */
    boolean readerCountsRefusals();

    /** Creates a region of the kind of memory that the contract is about; counted once for the caller. */
    default MemoryRegion create(Path dir, long sizeBytes) throws IOException {
        return Regions.create(dir, sizeBytes, Location.ANY);
    }

    /** Writes a pattern; see {@link Pattern#fill}. */
    default void fill(MemoryRegion region, long offset, long length, long seed) {
        Pattern.fill((HostRegion) region, offset, length, seed);
    }

    /** Compares with a pattern; see {@link Pattern#mismatch}. */
    default long mismatch(MemoryRegion region, long offset, long length, long seed, long patternOffset) {
        return Pattern.mismatch((HostRegion) region, offset, length, seed, patternOffset);
    }

    /** A running transport and what it published. */
    interface End extends AutoCloseable {
        /** Returns the transport; closed with this end. */
        Transport transport();

        /** Returns the record to give to {@link Transport#link}; its attributes are the transport's. */
        PeerRecord record();

        /** Returns how many requests this end counted as refused. */
        long refusedRequests();

        @Override
        void close() throws IOException;
    }
}
