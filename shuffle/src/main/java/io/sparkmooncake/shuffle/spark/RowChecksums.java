// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import org.jspecify.annotations.Nullable;

/**
 * Order-independent checksums of the rows of each partition, which Spark from 4.1 on compares between attempts of a map
 * task (SPARK-51756). A writer that leaves them at 0 makes every retry look identical, and a retry that differs then gives
 * silently wrong results.
 */
public interface RowChecksums {
    /** No checksums: an older Spark, or switched off. */
    RowChecksums NONE = new RowChecksums() {
        @Override
        public boolean isPresent() {
            return false;
        }

        @Override
        public void update(int partition, @Nullable Object key, @Nullable Object value) {}

        @Override
        public long value() {
            return 0;
        }
    };

    /** Tells whether rows must be reported. */
    boolean isPresent();

    /** Reports one row. */
    void update(int partition, @Nullable Object key, @Nullable Object value);

    /** Returns the value for the map status. */
    long value();
}
