// SPDX-License-Identifier: Apache-2.0
/** Stress tests of the engine: the in-flight limit of a peer, and the words that prove a path. */
package io.sparkmooncake.transfer.engine;
