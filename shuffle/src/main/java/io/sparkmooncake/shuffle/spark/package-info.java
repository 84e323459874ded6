// SPDX-License-Identifier: Apache-2.0
/**
 * The one place that knows Spark's internals and how they differ between Spark 3.5, 4.0, 4.1, 4.2 and 4.3.
 */
@NullMarked
package io.sparkmooncake.shuffle.spark;

import org.jspecify.annotations.NullMarked;
