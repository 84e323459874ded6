// SPDX-License-Identifier: Apache-2.0
/** Stress tests of the lanes between ranks that share no memory: heads of messages and standing words. */
package io.sparkmooncake.collectives.link;
