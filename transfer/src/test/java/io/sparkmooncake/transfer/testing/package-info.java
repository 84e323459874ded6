// SPDX-License-Identifier: Apache-2.0
/** What tests of transports share: a process that owns regions, patterns that tell every byte's place, a view of leaks. */
@NullMarked
package io.sparkmooncake.transfer.testing;

import org.jspecify.annotations.NullMarked;
