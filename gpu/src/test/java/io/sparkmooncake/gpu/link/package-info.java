// SPDX-License-Identifier: Apache-2.0
/** The contract of transports on device memory, and what harms it. */
@NullMarked
package io.sparkmooncake.gpu.link;

import org.jspecify.annotations.NullMarked;
