// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.List;

/**
 * One run of a loop, as a line of JSON.
 *
 * @param work name of the loop and its sizes
 * @param side {@code mooncake} or {@code spark-ml}
 * @param round 0 for the warm-up
 * @param iterationMillis wall time of each iteration that counts
 * @param beyondComputeMillis of each: what was not the slowest rank's or task's own work
 * @param objective what the loop had reached at its end, to compare the sides
 */
public record MlRun(
        String work,
        String side,
        int round,
        List<Double> iterationMillis,
        List<Double> beyondComputeMillis,
        double objective) {
    /** Copies the lists. */
    public MlRun {
        iterationMillis = List.copyOf(iterationMillis);
        beyondComputeMillis = List.copyOf(beyondComputeMillis);
    }
}
