// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * A process's view of a {@link HostedStore} behind a channel. The process that hosts the store uses one too, with
 * {@code host::answer} for a channel.
 *
 * <p>Threading: see {@link Store}. The channel is asked on one daemon thread, {@code mooncake-store-<name>}; waits, watches
 * and deadlines live on the agent, so that a channel that hangs delays nobody beyond his deadline.
 */
public final class RemoteStore implements Store, AutoCloseable {
    private final Agent agent;
    private final ExecutorService asks;
    private final StoreChannel channel;
    private final Duration timeout;
    private final StorePoller poller;
    private final AtomicLong exchanges = new AtomicLong();
    private final Map<Long, CompletableFuture<?>> pending = new ConcurrentHashMap<>();

    private RemoteStore(Agent agent, ExecutorService asks, StoreChannel channel, Duration timeout) {
        this.agent = agent;
        this.asks = asks;
        this.channel = channel;
        this.timeout = timeout;
        this.poller = new StorePoller(agent, this::exchange);
    }

    /**
     * Starts a client.
     *
     * @param name of this process, for the thread's name
     * @param agent that owns waits and watches; outlives this store
     * @param channel to the host
     * @param timeout of one operation, its time in the queue included
     */
    public static RemoteStore start(String name, Agent agent, StoreChannel channel, Duration timeout) {
        ExecutorService asks = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "mooncake-store-" + name);
            thread.setDaemon(true);
            return thread;
        });
        return over(agent, asks, channel, timeout);
    }

    /** As {@link #start}, asking on threads of the caller's. The store shuts the executor down when it is closed. */
    public static RemoteStore over(Agent agent, ExecutorService asks, StoreChannel channel, Duration timeout) {
        return new RemoteStore(agent, asks, channel, timeout);
    }

    @Override
    public CompletableFuture<Long> put(String key, Blob value) {
        return number(new StoreRequest.Put(key, value));
    }

    @Override
    public CompletableFuture<Long> claim(String key, Blob value, Owner owner) {
        return number(new StoreRequest.Claim(key, value, owner));
    }

    @Override
    public CompletableFuture<Optional<StoreValue>> get(String key) {
        return ask(new StoreRequest.Get(key), StoreReply.Found.class, StoreReply.Found::value);
    }

    @Override
    public CompletableFuture<Long> add(String key, long delta) {
        return number(new StoreRequest.Add(key, delta));
    }

    @Override
    public CompletableFuture<Swap> compareAndSet(String key, Optional<Blob> expected, Blob value) {
        return ask(
                new StoreRequest.CompareAndSet(key, expected, value),
                StoreReply.Swapped.class,
                StoreReply.Swapped::swap);
    }

    @Override
    public CompletableFuture<Long> delete(String key) {
        return number(new StoreRequest.Delete(key));
    }

    @Override
    public CompletableFuture<Long> deletePrefix(String prefix) {
        return number(new StoreRequest.DeletePrefix(prefix));
    }

    @Override
    public CompletableFuture<Long> leave(Owner owner, String reason) {
        return number(new StoreRequest.Leave(owner.name(), owner.epoch(), reason));
    }

    @Override
    public CompletableFuture<StoreValue> await(String key, Duration waitTimeout) {
        return poller.await(key, waitTimeout);
    }

    @Override
    public Watch watch(String prefix, Watch.Watcher watcher) {
        return poller.watch(prefix, watcher);
    }

    /** Fails every wait and operation that is under way, interrupts the channel and ends the thread; idempotent. */
    @Override
    public void close() {
        asks.shutdownNow();
        poller.close();
        pending.values().forEach(answered -> answered.completeExceptionally(closed()));
    }

    private CompletableFuture<Long> number(StoreRequest request) {
        return ask(request, StoreReply.Count.class, StoreReply.Count::number);
    }

    private <R extends StoreReply, T> CompletableFuture<T> ask(
            StoreRequest request, Class<R> kind, Function<R, T> content) {
        CompletableFuture<T> result = new CompletableFuture<>();
        var unused = exchange(request).whenComplete((paced, failure) -> {
            if (failure != null) {
                result.completeExceptionally(failure);
            } else if (kind.isInstance(paced.reply())) {
                result.complete(content.apply(kind.cast(paced.reply())));
            } else {
                result.completeExceptionally(new TransferException(
                        Code.PROTOCOL, "the store answered " + paced.reply() + " to " + request.describe()));
            }
        });
        return result;
    }

    /** Asks the host; the future fails with TransferException only, also when the host refuses. */
    private CompletableFuture<StoreReply.Paced> exchange(StoreRequest request) {
        CompletableFuture<StoreReply.Paced> answered = new CompletableFuture<>();
        long exchange = exchanges.incrementAndGet();
        pending.put(exchange, answered);
        var unused = answered.whenComplete((paced, failure) -> pending.remove(exchange));
        try {
            Agent.Alarm deadline = agent.after(
                    timeout,
                    () -> answered.completeExceptionally(new TransferException(
                            Code.TIMED_OUT,
                            "the store did not answer " + request.describe() + " within " + timeout.toMillis()
                                    + " ms, requests under way=" + pending.size()
                                    + ": check that the driver is alive and not in a long garbage collection")));
            var unusedToo = answered.whenComplete((paced, failure) -> deadline.cancel());
            asks.execute(() -> carry(request, answered));
        } catch (RejectedExecutionException e) {
            answered.completeExceptionally(closed());
        }
        return answered;
    }

    private void carry(StoreRequest request, CompletableFuture<StoreReply.Paced> answered) {
        if (answered.isDone()) {
            return;
        }
        try {
            StoreReply.Paced paced = StoreFrame.decodeReply(channel.ask(StoreFrame.encode(request)));
            if (paced.reply() instanceof StoreReply.Refused refused) {
                answered.completeExceptionally(new TransferException(refused.code(), refused.message()));
            } else {
                answered.complete(paced);
            }
        } catch (TransferException e) {
            answered.completeExceptionally(e);
        } catch (IOException | RuntimeException e) {
            answered.completeExceptionally(new TransferException(
                    Code.UNREACHABLE,
                    "the store cannot be asked for " + request.describe() + ": " + e
                            + ". Check that the driver is alive",
                    e));
        }
    }

    private static TransferException closed() {
        return new TransferException(Code.CLOSED, "the store's client was closed in this process");
    }
}
