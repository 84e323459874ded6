// SPDX-License-Identifier: Apache-2.0
/** Stress tests of the words that the ranks of a host share: steps, calls, verdicts, leaving and mailboxes. */
package io.sparkmooncake.collectives.shm;
