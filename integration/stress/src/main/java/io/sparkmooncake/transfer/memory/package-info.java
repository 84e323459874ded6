// SPDX-License-Identifier: Apache-2.0
/** Stress tests of regions and extents: revocation against copies, and the last release against everything else. */
package io.sparkmooncake.transfer.memory;
