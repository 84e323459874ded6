// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/** Reasons in records: shortened to what a record of the store should hold. */
final class Texts {
    private static final int MAX_CHARS = 4_000;

    private Texts() {}

    static void write(DataOutputStream out, String text) throws IOException {
        out.writeUTF(text.length() <= MAX_CHARS ? text : text.substring(0, MAX_CHARS));
    }

    static String read(DataInputStream in) throws IOException {
        return in.readUTF();
    }
}
