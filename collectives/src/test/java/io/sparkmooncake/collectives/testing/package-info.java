// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.collectives.testing;

import org.jspecify.annotations.NullMarked;
