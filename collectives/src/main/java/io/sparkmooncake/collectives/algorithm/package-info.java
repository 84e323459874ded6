// SPDX-License-Identifier: Apache-2.0
/**
 * The operations, as sequences of steps of a {@link io.sparkmooncake.collectives.shm.StepExchange}, and the loops that reduce. Entry type
 * is {@link io.sparkmooncake.collectives.algorithm.SharedMemoryCommunicator}.
 */
@NullMarked
package io.sparkmooncake.collectives.algorithm;

import org.jspecify.annotations.NullMarked;
