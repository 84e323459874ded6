// SPDX-License-Identifier: Apache-2.0
/** Ranks with devices, each in a JVM of its own, for the checks of {@code integration/gpu/run}. */
@NullMarked
package io.sparkmooncake.gpu.testing;

import org.jspecify.annotations.NullMarked;
