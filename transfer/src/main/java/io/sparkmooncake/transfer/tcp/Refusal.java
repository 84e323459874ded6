// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import org.jspecify.annotations.Nullable;

/** How an owner ended an entry of a request. Codes are on the wire and append-only. */
enum Refusal {
    /** Not refused: the entry is done. */
    NONE(0, "done"),
    /** No such region is registered, or it is not any more. */
    UNKNOWN_REGION(1, "the region is not registered there (any more)"),
    /** The region has another key. */
    WRONG_KEY(2, "the key is not the region's"),
    /** Beyond the end of the region. */
    OUT_OF_BOUNDS(3, "the range is out of the region's bounds"),
    /** The caller said so. */
    CANCELLED(4, "cancelled by the caller"),
    /** The region is in a file, which is read only. */
    READ_ONLY(5, "the region is in a file and takes no WRITE"),
    /** The region is in a file that could not be read. */
    UNREADABLE(6, "its file could not be read, see the log of the peer");

    private final int code;
    private final String text;

    Refusal(int code, String text) {
        this.code = code;
        this.text = text;
    }

    int code() {
        return code;
    }

    String text() {
        return text;
    }

    static @Nullable Refusal of(int code) {
        for (Refusal refusal : values()) {
            if (refusal.code == code) {
                return refusal;
            }
        }
        return null;
    }
}
