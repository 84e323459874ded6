// SPDX-License-Identifier: Apache-2.0
/**
 * The CUDA driver: whether there is one, its devices, their memory, streams, events and modules. Addresses are {@code long}; no type
 * of JCuda leaves this package, and none is loaded where there is no driver. Entry type is
 * {@link io.sparkmooncake.gpu.driver.Cuda}.
 */
@NullMarked
package io.sparkmooncake.gpu.driver;

import org.jspecify.annotations.NullMarked;
