// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.util.function.Function;

/** The latest state of a key that changed. Several changes between two looks are one. */
public sealed interface Change {
    /** Returns the key. */
    String key();

    /** Returns the version of the change. */
    long version();

    /** Handles both cases; a new case breaks the build of every caller. */
    <T> T fold(Function<Present, T> onPresent, Function<Removed, T> onRemoved);

    /** Returns the same change under another key. */
    Change withKey(String otherKey);

    /**
     * The key holds a value.
     *
     * @param key the key
     * @param value what it holds, and since which version
     */
    record Present(String key, StoreValue value) implements Change {
        @Override
        public long version() {
            return value.version();
        }

        @Override
        public <T> T fold(Function<Present, T> onPresent, Function<Removed, T> onRemoved) {
            return onPresent.apply(this);
        }

        @Override
        public Change withKey(String otherKey) {
            return new Present(otherKey, value);
        }
    }

    /**
     * The key holds nothing any more.
     *
     * @param key the key
     * @param version of the removal
     * @param cause deleted, or removed with its owner
     * @param reason one sentence
     */
    record Removed(String key, long version, Cause cause, String reason) implements Change {
        @Override
        public <T> T fold(Function<Present, T> onPresent, Function<Removed, T> onRemoved) {
            return onRemoved.apply(this);
        }

        @Override
        public Change withKey(String otherKey) {
            return new Removed(otherKey, version, cause, reason);
        }
    }

    /** Why a key holds nothing. */
    enum Cause {
        /** Somebody deleted it. */
        DELETED,
        /** Its owner left or was lost. */
        OWNER_GONE
    }
}
