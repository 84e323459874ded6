// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import java.io.IOException;

/** Puts one record's bytes into the log between its begin and end. */
@FunctionalInterface
interface RecordEncoder<K, V> {
    /** Appends the record to the log. */
    void append(K key, V value) throws IOException;
}
