// SPDX-License-Identifier: Apache-2.0
/**
 * The settings of spark-mooncake, parsed and checked once, before anything starts.
 */
@NullMarked
package io.sparkmooncake.conf;

import org.jspecify.annotations.NullMarked;
