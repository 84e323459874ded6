// SPDX-License-Identifier: Apache-2.0
/**
 * Spark's shuffle over registered memory; the only package that Spark's shuffle SPI calls into.
 */
@NullMarked
package io.sparkmooncake.shuffle;

import org.jspecify.annotations.NullMarked;
