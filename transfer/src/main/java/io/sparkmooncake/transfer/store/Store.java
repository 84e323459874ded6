// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Small versioned values under names, shared by the processes of an application. Keys are at most 512 characters.
 *
 * <p>Futures fail with {@link io.sparkmooncake.transfer.TransferException}: REFUSED by the host (full, held by a live owner,
 * not a counter), UNREACHABLE when the host cannot be asked, TIMED_OUT, CLOSED. An operation whose answer was lost may have
 * been carried out; all but {@link #add} may be repeated.
 *
 * <p>Threading: safe from any thread, nothing blocks. Futures complete on the store's thread or the agent's: what hangs on
 * them must not block.
 */
public interface Store {
    /** Writes a value that nobody owns; the future yields its version. */
    CompletableFuture<Long> put(String key, Blob value);

    /**
     * Writes a value that lives as long as its owner. The same owner may claim again; while another one holds the key the
     * future fails as REFUSED, naming both.
     */
    CompletableFuture<Long> claim(String key, Blob value, Owner owner);

    /** Reads a value. */
    CompletableFuture<Optional<StoreValue>> get(String key);

    /** Adds to a counter, which begins at 0, and yields the sum. */
    CompletableFuture<Long> add(String key, long delta);

    /**
     * Replaces a value if it is the expected one.
     *
     * @param expected empty when the key must not exist
     */
    CompletableFuture<Swap> compareAndSet(String key, Optional<Blob> expected, Blob value);

    /** Removes a key; yields the number of keys removed, 0 or 1. */
    CompletableFuture<Long> delete(String key);

    /** Removes every key with the prefix at once and yields how many they were. */
    CompletableFuture<Long> deletePrefix(String prefix);

    /** Removes every key that the owner holds, in every namespace, at once; it holds none from then on. */
    CompletableFuture<Long> leave(Owner owner, String reason);

    /**
     * Waits for a key. Fails as TIMED_OUT saying what was awaited, how long, with how many look-ups and which last error; fails
     * as PEER_GONE at once when the key's owner is gone.
     */
    CompletableFuture<StoreValue> await(String key, Duration timeout);

    /** Watches the keys with a prefix, from the first one on. Begins {@link Watch.Pace#PAUSED}. */
    Watch watch(String prefix, Watch.Watcher watcher);

    /** Returns the same store seen through a name: every key and prefix is preceded by {@code name/}. */
    default Store namespace(String name) {
        return new NamespacedStore(this, name + "/");
    }

    /**
     * What became of a compare-and-set.
     *
     * @param done whether the value was replaced
     * @param current what the key holds now
     */
    record Swap(boolean done, Optional<StoreValue> current) {}
}
