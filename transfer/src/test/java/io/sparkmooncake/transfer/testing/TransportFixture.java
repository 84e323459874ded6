// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;

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
