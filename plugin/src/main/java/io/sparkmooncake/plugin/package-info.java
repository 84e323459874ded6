// SPDX-License-Identifier: Apache-2.0
/**
 * The composition root: what Spark loads, and the only package that knows all the others. Entry:
 * {@link io.sparkmooncake.plugin.MooncakePlugin}.
 *
 * <p>On the driver it checks the configuration, names the shuffle manager, hosts the store behind Spark's own plugin RPC and
 * hands out the application's secret. In an executor it opens engine, store, directory, rendezvous and shuffle in this order, and closes
 * them in the reverse one. It holds no static state: one application may follow another in one process.
 */
@NullMarked
package io.sparkmooncake.plugin;

import org.jspecify.annotations.NullMarked;
