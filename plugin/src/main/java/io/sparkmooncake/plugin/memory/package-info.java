// SPDX-License-Identifier: Apache-2.0
/** How much memory outside the heap an executor may take, from what its host, its container and its settings leave. */
@NullMarked
package io.sparkmooncake.plugin.memory;

import org.jspecify.annotations.NullMarked;
