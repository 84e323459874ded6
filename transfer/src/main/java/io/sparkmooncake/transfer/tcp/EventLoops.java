// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollEventLoopGroup;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.FastThreadLocalThread;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The network threads of one transport and the kind of socket that fits them: epoll where the native library loads, NIO
 * elsewhere.
 *
 * @param group owned by the transport that started it
 * @param server kind of listener
 * @param socket kind of connection
 * @param epoll whether options of Linux sockets are known
 * @param threads those that were started so far
 */
record EventLoops(
        EventLoopGroup group,
        Class<? extends ServerChannel> server,
        Class<? extends Channel> socket,
        boolean epoll,
        Queue<Thread> threads) {
    private static final long CLOSE_LIMIT_SECONDS = 10;

    static EventLoops start(String name, int threads) {
        AtomicInteger next = new AtomicInteger(1);
        Queue<Thread> started = new ConcurrentLinkedQueue<>();
        ThreadFactory factory = task -> {
            Thread thread = new FastThreadLocalThread(task, "mooncake-tcp-" + name + "-" + next.getAndIncrement());
            thread.setDaemon(true);
            started.add(thread);
            return thread;
        };
        return Epoll.isAvailable()
                ? new EventLoops(
                        new EpollEventLoopGroup(threads, factory),
                        EpollServerSocketChannel.class,
                        EpollSocketChannel.class,
                        true,
                        started)
                : new EventLoops(
                        new NioEventLoopGroup(threads, factory),
                        NioServerSocketChannel.class,
                        NioSocketChannel.class,
                        false,
                        started);
    }

    boolean isCurrentThread() {
        return threads.contains(Thread.currentThread());
    }

    /** Ends the threads; returns when they ended or after ten seconds, at once when called on one of them. */
    void close() {
        var ended = group.shutdownGracefully(0, CLOSE_LIMIT_SECONDS / 2, TimeUnit.SECONDS);
        if (isCurrentThread() || !ended.awaitUninterruptibly(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS)) {
            return;
        }
        try {
            for (Thread thread : threads) {
                thread.join(TimeUnit.SECONDS.toMillis(1)); // it has done its work and is about to end
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
