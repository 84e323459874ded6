// SPDX-License-Identifier: Apache-2.0
/**
 * Moves bytes between named memories of two processes; knows nothing of Spark.
 */
@NullMarked
package io.sparkmooncake.transfer;

import org.jspecify.annotations.NullMarked;
