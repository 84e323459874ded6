// SPDX-License-Identifier: Apache-2.0
/** Tests of the shared-memory path, and its micro figure. */
@NullMarked
package io.sparkmooncake.transfer.shm;

import org.jspecify.annotations.NullMarked;
