// SPDX-License-Identifier: Apache-2.0
/**
 * Transports of device memory behind {@code transfer.spi}: mapped memory of peers (nvlink, mnnvl), and what is left where nothing maps.
 * Each device has one thread that polls its copies. Entry types are {@link io.sparkmooncake.gpu.link.DevicePaths} and
 * {@link io.sparkmooncake.gpu.link.DeviceMemory}.
 */
@NullMarked
package io.sparkmooncake.gpu.link;

import org.jspecify.annotations.NullMarked;
