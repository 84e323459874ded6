// SPDX-License-Identifier: Apache-2.0
/**
 * One thread that owns state. Whoever wants to change the state of a connection, a wait or a directory gives the agent a
 * short action; nothing here blocks, and no lock is needed behind it. The clock is part of it, so that tests turn it by hand.
 */
@NullMarked
package io.sparkmooncake.transfer.agent;

import org.jspecify.annotations.NullMarked;
