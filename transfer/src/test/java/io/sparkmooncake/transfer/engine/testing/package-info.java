// SPDX-License-Identifier: Apache-2.0
/** Hand-made processes, networks and clocks for tests of the store and the engine. */
@NullMarked
package io.sparkmooncake.transfer.engine.testing;

import org.jspecify.annotations.NullMarked;
