// SPDX-License-Identifier: Apache-2.0
/** Tests of how an executor's memory is decided. */
@NullMarked
package io.sparkmooncake.plugin.memory;

import org.jspecify.annotations.NullMarked;
