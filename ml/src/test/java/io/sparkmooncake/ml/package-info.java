// SPDX-License-Identifier: Apache-2.0
/** What needs no Spark to show; the rest is in {@code integration}. */
@NullMarked
package io.sparkmooncake.ml;

import org.jspecify.annotations.NullMarked;
