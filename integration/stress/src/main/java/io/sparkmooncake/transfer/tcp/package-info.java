// SPDX-License-Identifier: Apache-2.0
/** Stress tests of the TCP transport: attempts to connect that are given up while they succeed. */
package io.sparkmooncake.transfer.tcp;
