// SPDX-License-Identifier: Apache-2.0
/**
 * CUDA behind the seams of transfer and collectives. {@link io.sparkmooncake.gpu.driver} knows JCuda, {@link io.sparkmooncake.gpu.memory}
 * hands out memory of devices, {@link io.sparkmooncake.gpu.kernel} has the kernels, and {@link io.sparkmooncake.gpu.collective} runs
 * collectives with them.
 */
@NullMarked
package io.sparkmooncake.gpu;

import org.jspecify.annotations.NullMarked;
