// SPDX-License-Identifier: Apache-2.0
/** Stress tests of the shared-memory transport: mappings and links that one thread drops while another takes them. */
package io.sparkmooncake.transfer.shm;
