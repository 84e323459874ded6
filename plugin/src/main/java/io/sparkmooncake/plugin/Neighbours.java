// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.Change;
import io.sparkmooncake.transfer.store.Store;
import io.sparkmooncake.transfer.store.Watch;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The executors of the application as the store shows them, a few seconds late: whether all of them share memory with this
 * one, which decides whether compression pays, and which are gone, so that leases of theirs end at once.
 *
 * <p>Threading: safe from any thread; changes come on the engine's agent.
 */
final class Neighbours implements AutoCloseable {
    private final PeerRecord self;
    private final boolean sharedMemory;
    private final Map<String, PeerRecord> elsewhere = new ConcurrentHashMap<>();
    private final Set<String> known = new HashSet<>();
    private volatile @Nullable Watch watch;
    private volatile boolean looked;

    /**
     * Knows nobody yet.
     *
     * @param self this executor
     * @param sharedMemory whether the settings allow shared memory between executors at all
     */
    Neighbours(PeerRecord self, boolean sharedMemory) {
        this.self = self;
        this.sharedMemory = sharedMemory;
    }

    /**
     * Returns whether the executors are known and each of them shares memory with this one; false before the first look. A guess:
     * only a connection proves it.
     */
    boolean allShareMemory() {
        return looked && elsewhere.isEmpty();
    }

    /**
     * Looks at once, and every few seconds from then on.
     *
     * @param onGone told the name of an executor that left the store; must not block
     */
    void follow(Store store, Consumer<String> onGone) {
        watch = store.watch(PeerDirectory.PREFIX, seen -> changed(seen, onGone));
        lookNow();
    }

    void lookNow() {
        pace(Watch.Pace.SOON);
    }

    private void pace(Watch.Pace pace) {
        Watch current = watch;
        if (current != null) {
            current.pace(pace);
        }
    }

    private void changed(Watch.Changes seen, Consumer<String> onGone) {
        Set<String> unseen = new HashSet<>(seen.snapshot() ? known : Set.of());
        for (Change change : seen.changes()) {
            String name = change.key().substring(PeerDirectory.PREFIX.length());
            unseen.remove(name);
            change.fold(present -> published(name, present.value().bytes().toBytes()), gone -> gone(name, onGone));
        }
        unseen.forEach(name -> gone(name, onGone));
        looked = true;
        pace(Watch.Pace.SLOW);
    }

    private boolean published(String name, byte[] bytes) {
        known.add(name);
        try {
            PeerRecord record = PeerRecord.decode(bytes);
            if (sharesMemory(record)) {
                elsewhere.remove(name);
            } else {
                elsewhere.put(name, record);
            }
            return true;
        } catch (TransferException e) {
            return false;
        }
    }

    private boolean gone(String name, Consumer<String> onGone) {
        known.remove(name);
        elsewhere.remove(name);
        onGone.accept(name);
        return true;
    }

    private boolean sharesMemory(PeerRecord record) {
        return record.name().equals(self.name())
                || (sharedMemory && record.host().equals(self.host()));
    }

    @Override
    public void close() {
        Watch current = watch;
        if (current != null) {
            current.close();
        }
    }
}
