// SPDX-License-Identifier: Apache-2.0
/**
 * The kernels that the jar carries, and which of them fits a call. {@link io.sparkmooncake.gpu.kernel.Kernels} loads them all at once,
 * so that none is loaded behind a kernel that runs.
 */
@NullMarked
package io.sparkmooncake.gpu.kernel;

import org.jspecify.annotations.NullMarked;
