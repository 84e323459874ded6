// SPDX-License-Identifier: Apache-2.0
/** Stress tests of batches: two threads end the same batch, or one ends it and another looks. */
package io.sparkmooncake.transfer;
