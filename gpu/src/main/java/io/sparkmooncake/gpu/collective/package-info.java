// SPDX-License-Identifier: Apache-2.0
/**
 * Collectives on device memory: ranks map each other's regions and reduce and copy over NVLink by kernels and copy engines. Entry type
 * is {@link io.sparkmooncake.gpu.collective.DeviceFabric}, behind the seam of collectives.
 */
@NullMarked
package io.sparkmooncake.gpu.collective;

import org.jspecify.annotations.NullMarked;
