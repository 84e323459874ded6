// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sorted records that take far more memory than their compressed blocks did. */
final class WideSortIT {
    @ParameterizedTest
    @CsvSource({"2,vector,16000", "3,vector,16000", "3,boxes,1000"})
    void sortsMoreThanTheHeapHolds(int executors, String kind, int rows) throws IOException, InterruptedException {
        Submission.of("4.1.3", "wide-sort")
                .master("local-cluster[" + executors + ",1,1024]")
                .conf("spark.executor.memory", "640m")
                .conf("spark.mooncake.shuffle.compress", "true")
                .argument("rows-of-map", rows)
                .argument("width", 1_250)
                .argument("kind", kind)
                .deadline(Duration.ofMinutes(15))
                .run();
    }
}
