// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import java.util.concurrent.atomic.LongAdder;

/** Bytes of map output by where they went, since the executor started. Threading: safe from any thread. */
public final class WriteCounters {
    private final LongAdder memoryBytes = new LongAdder();
    private final LongAdder diskBytes = new LongAdder();

    void toMemory(long bytes) {
        memoryBytes.add(bytes);
    }

    void toDisk(long bytes) {
        diskBytes.add(bytes);
    }

    /** Returns the bytes that went to shareable memory. */
    public long memoryBytes() {
        return memoryBytes.sum();
    }

    /** Returns the bytes that went to local directories. */
    public long diskBytes() {
        return diskBytes.sum();
    }
}
