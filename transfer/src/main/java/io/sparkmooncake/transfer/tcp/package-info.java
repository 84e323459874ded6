// SPDX-License-Identifier: Apache-2.0
/**
 * Carries transfers and the control channel over TCP, with Netty: the path that always works.
 *
 * <p>A connection starts with a handshake in which both ends prove the application's secret and name the lives they mean;
 * it then serves one purpose. <em>Control</em> connections carry asks and answers, <em>data</em> connections carry READ and
 * WRITE requests and bodies, so that a look-up never queues behind megabytes. Only the caller of a connection asks; who is
 * called answers. Bodies go from the socket into the destination region and from the source region to the socket without a
 * copy in between, except small ones and encrypted ones.
 *
 * <p>{@link io.sparkmooncake.transfer.tcp.TcpTransport} is the entry. Every connection lives on one event loop
 * ({@code mooncake-tcp-<name>-N}), the only writer of its state; control services run on the threads that the engine lends.
 * It knows the types of {@code transfer}, {@code transfer.memory} and {@code transfer.spi}, and nothing of Spark.
 */
@NullMarked
package io.sparkmooncake.transfer.tcp;

import org.jspecify.annotations.NullMarked;
