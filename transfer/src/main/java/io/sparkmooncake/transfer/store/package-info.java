// SPDX-License-Identifier: Apache-2.0
/**
 * The store through which processes find each other: small versioned values under names, hosted by one process (Spark's
 * driver) and reached by the others through any channel that carries bytes. Knows nothing of Spark.
 *
 * <p>The host never waits: {@link io.sparkmooncake.transfer.store.HostedStore#answer} is a short critical section. All waiting
 * is done at the client, {@link io.sparkmooncake.transfer.store.RemoteStore}, by one poller that serves every waiter of the
 * process with one look-up.
 */
@NullMarked
package io.sparkmooncake.transfer.store;

import org.jspecify.annotations.NullMarked;
