// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;

/**
 * Why a fabric broke: what every rank throws from then on.
 *
 * @param code of the failure
 * @param text its message, with communicator and epoch
 */
public record Verdict(Code code, String text) {
    /** Returns the code's name, a line end, and the text. */
    public String encode() {
        return code.name() + '\n' + text;
    }

    /** Reads what {@link #encode} made, of this build or of one that knows more codes. */
    public static Verdict decode(String encoded) {
        int end = encoded.indexOf('\n');
        String name = end < 0 ? encoded : encoded.substring(0, end);
        for (Code code : Code.values()) {
            if (code.name().equals(name)) {
                return new Verdict(code, encoded.substring(end + 1));
            }
        }
        return new Verdict(Code.ABORTED, encoded);
    }

    /** Returns it as the exception that a rank throws. */
    public CollectiveException exception() {
        return new CollectiveException(code, text);
    }
}
