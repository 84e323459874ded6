// SPDX-License-Identifier: Apache-2.0
/**
 * Compares the plugin with Spark's own shuffle: the same workloads, each in an application of its own, in turns.
 *
 * <p>{@link io.sparkmooncake.integration.bench.BenchMain} and {@link io.sparkmooncake.integration.bench.DemoMain} are
 * the programs behind {@code bin/bench} and {@code bin/demo}. They start {@code spark-submit} and read what the
 * application prints; they run on the thread that calls them.
 */
@NullMarked
package io.sparkmooncake.integration.bench;

import org.jspecify.annotations.NullMarked;
