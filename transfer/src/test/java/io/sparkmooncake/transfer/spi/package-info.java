// SPDX-License-Identifier: Apache-2.0
/** The contract that every transport keeps. */
@NullMarked
package io.sparkmooncake.transfer.spi;

import org.jspecify.annotations.NullMarked;
