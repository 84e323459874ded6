// SPDX-License-Identifier: Apache-2.0
/**
 * What a Spark ML user calls: the tasks of a barrier stage as ranks of a communicator, and an all-reduce in place of
 * {@code treeAggregate}. Entries: {@link io.sparkmooncake.ml.Communicators} and {@link io.sparkmooncake.ml.AllReduce}.
 *
 * <p>It knows Spark and collectives; what the plugin opened in this process it finds in
 * {@code collectives.bootstrap.ProcessRendezvous}. Spark's {@code barrier()} and {@code allGather}, which take a second each, are
 * called nowhere.
 */
@NullMarked
package io.sparkmooncake.ml;

import org.jspecify.annotations.NullMarked;
