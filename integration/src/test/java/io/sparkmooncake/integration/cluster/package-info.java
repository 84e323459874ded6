// SPDX-License-Identifier: Apache-2.0
/** Whole applications: spark-submit, executors in processes of their own, the shipped jar. */
@NullMarked
package io.sparkmooncake.integration.cluster;

import org.jspecify.annotations.NullMarked;
