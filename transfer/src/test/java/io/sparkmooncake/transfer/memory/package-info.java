// SPDX-License-Identifier: Apache-2.0
/** Tests of regions and pools. */
@NullMarked
package io.sparkmooncake.transfer.memory;

import org.jspecify.annotations.NullMarked;
