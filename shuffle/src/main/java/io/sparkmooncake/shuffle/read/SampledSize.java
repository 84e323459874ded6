// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.util.Random;
import org.apache.spark.util.SizeEstimator;
import org.jspecify.annotations.Nullable;

/**
 * What records hold on the heap, learned from some of them: each of the first ones, then one in {@value #MEAN_STRIDE} at
 * random, so that no pattern in the data hides their size. Spark's estimator walks each sampled record once.
 *
 * <p>Threading: one thread.
 */
final class SampledSize {
    private static final int MEAN_STRIDE = 16;
    private static final int ALL_OF_THE_FIRST = 64;

    private final Random random = new Random(MEAN_STRIDE);
    private long bytes;
    private int added;
    private int unsampledLeft;

    /** Begins anew. */
    void reset() {
        bytes = 0;
        added = 0;
        unsampledLeft = 0;
    }

    /** Adds a record; a sampled one counts for itself and for those that are not sampled after it. */
    void add(@Nullable Object key, @Nullable Object value) {
        added++;
        if (unsampledLeft > 0) {
            unsampledLeft--;
            return;
        }
        unsampledLeft = added < ALL_OF_THE_FIRST ? 0 : random.nextInt(2 * MEAN_STRIDE - 1);
        bytes += (estimate(key) + estimate(value)) * (1L + unsampledLeft);
    }

    private static long estimate(@Nullable Object object) {
        return object == null ? 0 : SizeEstimator.estimate(object);
    }

    /** Returns the estimate for all records added. */
    long bytes() {
        return bytes;
    }
}
