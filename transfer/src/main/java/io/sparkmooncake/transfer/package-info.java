// SPDX-License-Identifier: Apache-2.0
/**
 * Moves bytes between named memories of two processes; knows nothing of Spark.
 *
 * <p>The vocabulary is Mooncake's: an engine registers {@linkplain io.sparkmooncake.transfer.memory regions}, peers READ and
 * WRITE them one-sided in {@linkplain io.sparkmooncake.transfer.TransferBatch batches}. This package holds only the types
 * that callers and transports share; {@code transfer.engine} implements them, {@code transfer.spi} is what a transport
 * provides.
 */
@NullMarked
package io.sparkmooncake.transfer;

import org.jspecify.annotations.NullMarked;
