// SPDX-License-Identifier: Apache-2.0
/**
 * What a transport provides: it registers regions, says what peers must know, and proves links. One contract test,
 * {@code TransportContract}, holds for every implementation.
 */
@NullMarked
package io.sparkmooncake.transfer.spi;

import org.jspecify.annotations.NullMarked;
