// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

/** Whether a block's bytes went through Spark's compression codec. */
public enum Encoding {
    /** As serialized. */
    PLAIN,
    /** Compressed with the application's codec. */
    COMPRESSED
}
