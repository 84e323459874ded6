// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.List;
import java.util.Map;

/**
 * One run of one workload, as the application prints it: one JSON line.
 *
 * @param workload name of the workload
 * @param repetition from 1; 0 and below are warm-up
 * @param wallSeconds wall time of the run
 * @param digest its result
 * @param stages the stages that ran
 * @param map sums over the tasks that wrote shuffle output
 * @param reduce sums over the other tasks
 * @param executorCpuSeconds CPU time of the executor processes during the run, all threads
 * @param peakRssBytes largest resident sets of the executor processes since their start, summed; shared pages count in each
 * @param privateRssBytes what of them belonged to one process alone after the run, summed
 * @param pluginCounters by how much the plugin's counters grew, summed over the executors
 * @param sparkVersion the Spark that ran it
 * @param applicationId Spark's id of the application
 */
public record Repetition(
        String workload,
        int repetition,
        double wallSeconds,
        Digest digest,
        List<StageTime> stages,
        StageTotals map,
        StageTotals reduce,
        double executorCpuSeconds,
        long peakRssBytes,
        long privateRssBytes,
        Map<String, Long> pluginCounters,
        String sparkVersion,
        String applicationId) {}
