// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The bytes of a value; immutable, equal by content. */
public final class Blob {
    private final byte[] bytes;

    private Blob(byte[] bytes) {
        this.bytes = bytes;
    }

    /** Copies the bytes. */
    public static Blob of(byte[] bytes) {
        return new Blob(bytes.clone());
    }

    /** Encodes a text as UTF-8. */
    public static Blob of(String text) {
        return new Blob(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Takes an array that nobody else holds. */
    static Blob take(byte[] bytes) {
        return new Blob(bytes);
    }

    /** Returns a copy of the bytes. */
    public byte[] toBytes() {
        return bytes.clone();
    }

    /** Returns the number of bytes. */
    public int sizeBytes() {
        return bytes.length;
    }

    /** Returns the bytes themselves, for writing them out. */
    byte[] borrowBytes() {
        return bytes;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Blob blob && Arrays.equals(bytes, blob.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return bytes.length + " bytes";
    }
}
