// SPDX-License-Identifier: Apache-2.0
/**
 * Several hosts on one machine: namespaces joined by a bridge, and a standalone Spark cluster on them.
 *
 * <p>{@link io.sparkmooncake.integration.hosts.Hosts} starts them, {@link io.sparkmooncake.integration.hosts.Host} runs
 * processes and breaks things on one of them, and {@link io.sparkmooncake.integration.hosts.StandaloneCluster} starts a
 * master and workers. All of it needs root, iproute2 and util-linux on Linux, and changes nothing of the machine's own
 * network, mounts and processes: what is made lives in namespaces whose first processes end when this JVM ends.
 */
@NullMarked
package io.sparkmooncake.integration.hosts;

import org.jspecify.annotations.NullMarked;
