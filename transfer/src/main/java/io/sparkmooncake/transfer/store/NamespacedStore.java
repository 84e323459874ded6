// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A store seen through a prefix, as c10d's PrefixStore. */
final class NamespacedStore implements Store {
    private final Store store;
    private final String prefix;

    NamespacedStore(Store store, String prefix) {
        this.store = store;
        this.prefix = prefix;
    }

    @Override
    public CompletableFuture<Long> put(String key, Blob value) {
        return store.put(prefix + key, value);
    }

    @Override
    public CompletableFuture<Long> claim(String key, Blob value, Owner owner) {
        return store.claim(prefix + key, value, owner);
    }

    @Override
    public CompletableFuture<Optional<StoreValue>> get(String key) {
        return store.get(prefix + key);
    }

    @Override
    public CompletableFuture<Long> add(String key, long delta) {
        return store.add(prefix + key, delta);
    }

    @Override
    public CompletableFuture<Swap> compareAndSet(String key, Optional<Blob> expected, Blob value) {
        return store.compareAndSet(prefix + key, expected, value);
    }

    @Override
    public CompletableFuture<Long> delete(String key) {
        return store.delete(prefix + key);
    }

    @Override
    public CompletableFuture<Long> deletePrefix(String keyPrefix) {
        return store.deletePrefix(prefix + keyPrefix);
    }

    @Override
    public CompletableFuture<Long> leave(Owner owner, String reason) {
        return store.leave(owner, reason);
    }

    @Override
    public CompletableFuture<StoreValue> await(String key, Duration timeout) {
        return store.await(prefix + key, timeout);
    }

    @Override
    public Watch watch(String keyPrefix, Watch.Watcher watcher) {
        return store.watch(
                prefix + keyPrefix,
                seen -> watcher.changed(new Watch.Changes(
                        seen.snapshot(),
                        seen.version(),
                        seen.changes().stream()
                                .map(change -> change.withKey(change.key().substring(prefix.length())))
                                .toList())));
    }
}
