// SPDX-License-Identifier: Apache-2.0
/**
 * Ranks of several hosts, several of which share a host: they reduce and copy in the memory of their host, one leader of each host
 * exchanges with the other leaders over links, and what concerns two ranks of different hosts alone goes straight between them.
 * Entry type is {@link io.sparkmooncake.collectives.hierarchy.HierarchicalFabric}.
 */
@NullMarked
package io.sparkmooncake.collectives.hierarchy;

import org.jspecify.annotations.NullMarked;
