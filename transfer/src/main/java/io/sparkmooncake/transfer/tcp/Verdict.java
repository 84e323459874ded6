// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.TransferException.Code;

/** How a handshake ended. Codes are on the wire and append-only. */
enum Verdict {
    ACCEPTED(0, Code.PROTOCOL),
    /** The two jars speak different versions. */
    VERSION(1, Code.PROTOCOL),
    /** The other end does not hold this application's secret. */
    SECRET(2, Code.PROTOCOL),
    /** Another process of this application is at the address. */
    NAME(3, Code.PEER_LOST),
    /** Another life of the named process is at the address: the life that was meant has ended. */
    EPOCH(4, Code.PEER_GONE),
    /** One end encrypts, the other does not. */
    ENCRYPTION(5, Code.PROTOCOL),
    /** A frame that makes no sense. */
    MALFORMED(6, Code.PROTOCOL),
    /** The deadline of the handshake passed; a caller that was slow may dial again. */
    LATE(7, Code.UNREACHABLE),
    /** The listener has too many unfinished handshakes, and this was the oldest. */
    BUSY(8, Code.UNREACHABLE),
    /** The callee was told that the caller is gone. */
    LOST(9, Code.PEER_LOST);

    private final int wireCode;
    private final Code failure;

    Verdict(int wireCode, Code failure) {
        this.wireCode = wireCode;
        this.failure = failure;
    }

    int wireCode() {
        return wireCode;
    }

    /** Returns the code under which a caller learns of this verdict. */
    Code failure() {
        return failure;
    }

    static Verdict of(int wireCode) {
        for (Verdict verdict : values()) {
            if (verdict.wireCode == wireCode) {
                return verdict;
            }
        }
        return MALFORMED;
    }
}
