// SPDX-License-Identifier: Apache-2.0
/** Tests of the composition root. */
@NullMarked
package io.sparkmooncake.plugin;

import org.jspecify.annotations.NullMarked;
