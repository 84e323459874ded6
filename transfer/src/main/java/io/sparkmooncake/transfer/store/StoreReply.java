// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import io.sparkmooncake.transfer.TransferException;
import java.util.List;
import java.util.Optional;

/** What the host answers. */
sealed interface StoreReply {
    /** A version, a sum or a number of keys. */
    record Count(long number) implements StoreReply {}

    /** The value of a key. */
    record Found(Optional<StoreValue> value) implements StoreReply {}

    /** The outcome of a compare-and-set. */
    record Swapped(Store.Swap swap) implements StoreReply {}

    /** The changes asked for, one answer per query. */
    record Looked(List<Look.Answer> answers) implements StoreReply {
        public Looked {
            answers = List.copyOf(answers);
        }
    }

    /** The host would not. */
    record Refused(TransferException.Code code, String message) implements StoreReply {}

    /**
     * A reply with what the host says to every client.
     *
     * @param paceMillis shortest time between two look-ups of one client that the host asks for
     * @param reply the answer itself
     */
    record Paced(int paceMillis, StoreReply reply) {}
}
