// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The host's state: every key once, ordered also by the version of its latest change. That order is the journal: what
 * changed since a version is the tail behind it. Keys that were removed stay as tombstones, so that watchers see the removal;
 * the oldest tombstones are dropped when they take more than an eighth of the limit, and whoever has not read as far as the
 * last dropped one gets a snapshot.
 *
 * <p>Threading: none; {@link HostedStore} guards it.
 */
final class StoreTable {
    static final int MAX_KEY_CHARS = 512;
    private static final int SLOT_OVERHEAD_BYTES = 128;
    private static final int MAX_LOST_LIVES = 16_384;

    private final long limitBytes;
    private final Map<String, Slot> byKey = new HashMap<>();
    private final TreeMap<Long, Slot> byVersion = new TreeMap<>();
    private final TreeMap<Long, Slot> tombstones = new TreeMap<>();
    private final Map<Life, Set<String>> keysOfOwner = new HashMap<>();
    private final LinkedHashMap<Life, String> lostLives = new LinkedHashMap<>();
    private long version;
    private long forgottenVersion;
    private long liveBytes;
    private long tombstoneBytes;

    StoreTable(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    long put(String key, Blob value) throws TransferException {
        requireUnowned(key);
        return write(key, value, null);
    }

    long claim(String key, Blob value, Owner owner) throws TransferException {
        String lost = lostLives.get(new Life(owner.name(), owner.epoch()));
        if (lost != null) {
            throw new TransferException(
                    Code.PEER_GONE,
                    "key=" + key + " refused for " + owner.describe() + ", which was removed: " + lost
                            + ". A process that was removed comes back under a new epoch: restart it");
        }
        Owner holder = holder(key);
        if (holder != null && !holder.isSameLife(owner)) {
            throw new TransferException(
                    Code.REFUSED,
                    "key=" + key + " is held by live " + holder.describe() + " and refused for " + owner.describe()
                            + ". Two processes use one name: give each its own, or end the first");
        }
        return write(key, value, owner);
    }

    Optional<StoreValue> get(String key) {
        Slot slot = byKey.get(key);
        return slot == null || slot.value == null
                ? Optional.empty()
                : Optional.of(new StoreValue(slot.version, slot.value));
    }

    long add(String key, long delta) throws TransferException {
        requireUnowned(key);
        Optional<StoreValue> before = get(key);
        if (before.isPresent() && before.get().bytes().sizeBytes() != Long.BYTES) {
            throw new TransferException(
                    Code.REFUSED,
                    "key=" + key + " holds " + before.get().bytes()
                            + " and is no counter: use another key for counting");
        }
        long sum = delta
                + before.map(value ->
                                ByteBuffer.wrap(value.bytes().borrowBytes()).getLong())
                        .orElse(0L);
        write(key, Blob.take(ByteBuffer.allocate(Long.BYTES).putLong(sum).array()), null);
        return sum;
    }

    Store.Swap compareAndSet(String key, Optional<Blob> expected, Blob value) throws TransferException {
        requireUnowned(key);
        Optional<StoreValue> before = get(key);
        if (!before.map(StoreValue::bytes).equals(expected)) {
            return new Store.Swap(false, before);
        }
        write(key, value, null);
        return new Store.Swap(true, get(key));
    }

    long delete(String key) {
        Slot slot = byKey.get(key);
        if (slot == null || slot.value == null) {
            return 0;
        }
        remove(slot, Change.Cause.DELETED, "deleted");
        return 1;
    }

    long deletePrefix(String prefix) {
        List<String> keys = byKey.values().stream()
                .filter(slot -> slot.value != null && slot.key.startsWith(prefix))
                .map(slot -> slot.key)
                .toList();
        keys.forEach(this::delete);
        return keys.size();
    }

    /** Removes all that a life holds and refuses its claims from now on. */
    long ownerGone(String name, long epoch, String reason) {
        Life life = new Life(name, epoch);
        lostLives.put(life, reason);
        if (lostLives.size() > MAX_LOST_LIVES) {
            lostLives.remove(lostLives.keySet().iterator().next());
        }
        Set<String> keys = keysOfOwner.remove(life);
        if (keys == null) {
            return 0;
        }
        for (String key : keys) {
            Slot slot = byKey.get(key);
            if (slot != null) {
                remove(slot, Change.Cause.OWNER_GONE, reason);
            }
        }
        return keys.size();
    }

    /** Removes all that any life of a name holds. */
    long ownerGone(String name, String reason) {
        List<Life> lives = keysOfOwner.keySet().stream()
                .filter(life -> life.name.equals(name))
                .toList();
        return lives.stream()
                .mapToLong(life -> ownerGone(life.name, life.epoch, reason))
                .sum();
    }

    Look.Answer look(Look.Query query, long budgetBytes) {
        Look.Cursor from = query.cursor();
        boolean snapshot =
                from.readVersion() == 0 || Math.max(from.readVersion(), from.floorVersion()) < forgottenVersion;
        long since = snapshot ? 0 : from.readVersion();
        long floor = snapshot ? version : from.floorVersion();
        List<Change> changes = new ArrayList<>();
        if (query.scope() == Look.Scope.KEY) {
            Slot slot = byKey.get(query.text());
            if (slot != null && slot.version > since) {
                changes.add(slot.toChange());
            }
            return new Look.Answer(snapshot, new Look.Cursor(version, floor), false, changes);
        }
        long bytes = 0;
        for (Slot slot : byVersion.tailMap(since, false).values()) {
            if (slot.key.startsWith(query.text())) {
                if (bytes > 0 && bytes + slot.costBytes() > budgetBytes) {
                    long last = changes.get(changes.size() - 1).version();
                    return new Look.Answer(snapshot, new Look.Cursor(last, floor), true, changes);
                }
                bytes += slot.costBytes();
                changes.add(slot.toChange());
            }
        }
        return new Look.Answer(snapshot, new Look.Cursor(version, floor), false, changes);
    }

    long version() {
        return version;
    }

    int owners() {
        return keysOfOwner.size();
    }

    HostedStore.Figures figures(long requests) {
        return new HostedStore.Figures(
                byKey.size() - tombstones.size(), liveBytes, limitBytes, tombstoneBytes, version, requests);
    }

    private @Nullable Owner holder(String key) {
        Slot slot = byKey.get(key);
        return slot == null ? null : slot.owner;
    }

    private void requireUnowned(String key) throws TransferException {
        Owner holder = holder(key);
        if (holder != null) {
            throw new TransferException(
                    Code.REFUSED,
                    "key=" + key + " is held by live " + holder.describe()
                            + ": only its owner may write it, by claiming");
        }
    }

    private long write(String key, Blob value, @Nullable Owner owner) throws TransferException {
        if (key.isEmpty() || key.length() > MAX_KEY_CHARS) {
            throw new TransferException(
                    Code.REFUSED, "key of length=" + key.length() + " chars, allowed: 1 to limit=" + MAX_KEY_CHARS);
        }
        Slot before = byKey.get(key);
        Slot after = new Slot(key, version + 1, value, owner, Change.Cause.DELETED, "");
        long freed = before == null || before.value == null ? 0 : before.costBytes();
        long needed = liveBytes - freed + after.costBytes();
        if (needed > limitBytes) {
            throw new TransferException(
                    Code.REFUSED,
                    "key=" + key + " with " + value + " refused: the store would hold bytes=" + needed + " > limit="
                            + limitBytes
                            + ". Delete what is done with, or raise spark.mooncake.store.memory on the driver");
        }
        forget(before);
        version++;
        insert(after);
        return version;
    }

    private void remove(Slot slot, Change.Cause cause, String reason) {
        forget(slot);
        version++;
        insert(new Slot(slot.key, version, null, null, cause, reason));
        while (tombstoneBytes > limitBytes / 8) {
            Slot oldest = tombstones.firstEntry().getValue();
            forget(oldest);
            forgottenVersion = oldest.version;
        }
    }

    private void insert(Slot slot) {
        byKey.put(slot.key, slot);
        byVersion.put(slot.version, slot);
        if (slot.value == null) {
            tombstones.put(slot.version, slot);
            tombstoneBytes += slot.costBytes();
            return;
        }
        liveBytes += slot.costBytes();
        if (slot.owner != null) {
            keysOfOwner
                    .computeIfAbsent(new Life(slot.owner.name(), slot.owner.epoch()), life -> new LinkedHashSet<>())
                    .add(slot.key);
        }
    }

    private void forget(@Nullable Slot slot) {
        if (slot == null) {
            return;
        }
        byKey.remove(slot.key);
        byVersion.remove(slot.version);
        if (slot.value == null) {
            tombstones.remove(slot.version);
            tombstoneBytes -= slot.costBytes();
            return;
        }
        liveBytes -= slot.costBytes();
        if (slot.owner != null) {
            keysOfOwner.computeIfPresent(new Life(slot.owner.name(), slot.owner.epoch()), (life, keys) -> {
                keys.remove(slot.key);
                return keys.isEmpty() ? null : keys;
            });
        }
    }

    private record Life(String name, long epoch) {}

    /** A key's latest state; without a value it is a tombstone. */
    private record Slot(
            String key,
            long version,
            @Nullable Blob value,
            @Nullable Owner owner,
            Change.Cause cause,
            String reason) {

        long costBytes() {
            return SLOT_OVERHEAD_BYTES
                    + 2L * (key.length() + reason.length())
                    + (value == null ? 0 : value.sizeBytes());
        }

        Change toChange() {
            return value == null
                    ? new Change.Removed(key, version, cause, reason)
                    : new Change.Present(key, new StoreValue(version, value));
        }
    }
}
