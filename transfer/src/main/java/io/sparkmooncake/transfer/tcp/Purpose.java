// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import org.jspecify.annotations.Nullable;

/** What a connection is for; said in its first frame. Codes are append-only. */
enum Purpose {
    CONTROL(1),
    DATA(2);

    private final int code;

    Purpose(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }

    static @Nullable Purpose of(int code) {
        return code == CONTROL.code ? CONTROL : code == DATA.code ? DATA : null;
    }
}
