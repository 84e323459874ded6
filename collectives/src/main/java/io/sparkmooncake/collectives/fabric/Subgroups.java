// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;

/** How a communicator makes others from itself: its ranks join them the way that they joined it. */
@FunctionalInterface
public interface Subgroups {
    /** Joins another communicator; see {@code bootstrap.Rendezvous.join}. */
    Communicator join(Membership self) throws CollectiveException;
}
