// SPDX-License-Identifier: Apache-2.0
/**
 * Ranks that agree: all-reduce, broadcast, all-gather, reduce-scatter and barrier among the tasks of a stage. Knows nothing of
 * Spark.
 *
 * <p>This package holds only what callers see. {@code collectives.bootstrap} lets ranks find each other,
 * {@code collectives.shm} is the words and windows in memory that the ranks of a host share, {@code collectives.algorithm}
 * are the operations over them, {@code collectives.spi} is what kernels and callers share.
 */
@NullMarked
package io.sparkmooncake.collectives;

import org.jspecify.annotations.NullMarked;
