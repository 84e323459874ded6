// SPDX-License-Identifier: Apache-2.0
/**
 * The composition root: what Spark loads, and the only package that knows all the others.
 */
@NullMarked
package io.sparkmooncake.plugin;

import org.jspecify.annotations.NullMarked;
