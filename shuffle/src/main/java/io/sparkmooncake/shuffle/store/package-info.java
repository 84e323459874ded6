// SPDX-License-Identifier: Apache-2.0
/**
 * Committed map outputs of this executor: where their blocks lie, who holds a lease, and the look-up that peers ask.
 * Knows nothing of serializers, tasks or Spark.
 *
 * <p>Threading: map tasks commit, control threads answer look-ups, Spark's cleaner removes; all may run at once.
 */
@NullMarked
package io.sparkmooncake.shuffle.store;

import org.jspecify.annotations.NullMarked;
