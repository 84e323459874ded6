// SPDX-License-Identifier: Apache-2.0
/**
 * The communicator over a {@link io.sparkmooncake.collectives.fabric.Fabric}; the fabric of ranks that share memory, whose
 * operations are sequences of steps of a {@link io.sparkmooncake.collectives.shm.StepExchange}; and the loops that reduce. Entry type
 * is {@link io.sparkmooncake.collectives.algorithm.OrderedCommunicator}.
 */
@NullMarked
package io.sparkmooncake.collectives.algorithm;

import org.jspecify.annotations.NullMarked;
