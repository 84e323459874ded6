// SPDX-License-Identifier: Apache-2.0
/**
 * What is run to compare shuffles: workloads that go through a real {@code spark-submit} and say what they cost.
 *
 * <p>{@link io.sparkmooncake.integration.workload.WorkloadMain} is the application's main class. It knows Spark and
 * nothing of the plugin: the same application runs with Spark's own shuffle and with the plugin, told apart by its
 * settings alone.
 */
@NullMarked
package io.sparkmooncake.integration.workload;

import org.jspecify.annotations.NullMarked;
