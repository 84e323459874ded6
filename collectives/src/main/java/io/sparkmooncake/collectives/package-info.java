// SPDX-License-Identifier: Apache-2.0
/**
 * Ranks that agree: operations among the tasks of a stage, on elements and on objects, blocking and asynchronous. Knows nothing
 * of Spark.
 *
 * <p>This package holds only what callers see. {@code collectives.bootstrap} lets ranks find each other,
 * {@code collectives.fabric} is the seam below the communicator, {@code collectives.shm} is the words and windows in memory that
 * the ranks of a host share, {@code collectives.algorithm} is the communicator and the operations over those windows,
 * {@code collectives.spi} is what kernels and callers share. {@code collectives.elastic} goes on without ranks that are lost.
 */
@NullMarked
package io.sparkmooncake.collectives;

import org.jspecify.annotations.NullMarked;
