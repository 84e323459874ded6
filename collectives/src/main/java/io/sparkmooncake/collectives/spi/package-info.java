// SPDX-License-Identifier: Apache-2.0
/**
 * What callers, algorithms and kernels share: element types, operations, vectors of elements, and the kernel that reduces
 * one vector into another. Knows nothing of ranks, so that a device's kernels can live behind it.
 */
@NullMarked
package io.sparkmooncake.collectives.spi;

import org.jspecify.annotations.NullMarked;
