// SPDX-License-Identifier: Apache-2.0
/**
 * The seam between a communicator, which checks and orders what its callers ask, and what moves and reduces for it: memory that
 * the ranks share, links between hosts, and both. Entry type is {@link io.sparkmooncake.collectives.fabric.Fabric}.
 */
@NullMarked
package io.sparkmooncake.collectives.fabric;

import org.jspecify.annotations.NullMarked;
