// SPDX-License-Identifier: Apache-2.0
/**
 * Memory of devices: regions that other processes map, pools that hand out parts of them, and what carries the descriptors of regions
 * from one process to another. Entry type is {@link io.sparkmooncake.gpu.memory.DevicePool}.
 */
@NullMarked
package io.sparkmooncake.gpu.memory;

import org.jspecify.annotations.NullMarked;
