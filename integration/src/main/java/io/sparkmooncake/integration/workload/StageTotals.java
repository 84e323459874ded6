// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import org.apache.spark.executor.ShuffleReadMetrics;
import org.apache.spark.executor.ShuffleWriteMetrics;
import org.apache.spark.executor.TaskMetrics;

/**
 * Task metrics of one kind of stage, summed over its tasks; the deserialization of the tasks themselves is not in it.
 *
 * @param tasks how many tasks ended
 * @param cpuSeconds CPU time of the task threads
 * @param runSeconds wall time of the task threads
 * @param writeSeconds shuffle write time as Spark measures it
 * @param bytesWritten shuffle bytes written
 * @param recordsWritten shuffle records written
 * @param fetchWaitSeconds time that tasks waited for shuffle blocks
 * @param remoteBytesRead shuffle bytes from other executors
 * @param localBytesRead shuffle bytes of the same executor
 * @param blocksRead shuffle blocks read
 * @param recordsRead shuffle records read
 */
public record StageTotals(
        long tasks,
        double cpuSeconds,
        double runSeconds,
        double writeSeconds,
        long bytesWritten,
        long recordsWritten,
        double fetchWaitSeconds,
        long remoteBytesRead,
        long localBytesRead,
        long blocksRead,
        long recordsRead) {

    static final StageTotals NONE = new StageTotals(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    static StageTotals of(TaskMetrics task) {
        ShuffleWriteMetrics write = task.shuffleWriteMetrics();
        ShuffleReadMetrics read = task.shuffleReadMetrics();
        return new StageTotals(
                1,
                task.executorCpuTime() / 1e9,
                task.executorRunTime() / 1e3,
                write.writeTime() / 1e9,
                write.bytesWritten(),
                write.recordsWritten(),
                read.fetchWaitTime() / 1e3,
                read.remoteBytesRead(),
                read.localBytesRead(),
                read.totalBlocksFetched(),
                read.recordsRead());
    }

    StageTotals plus(StageTotals other) {
        return new StageTotals(
                tasks + other.tasks,
                cpuSeconds + other.cpuSeconds,
                runSeconds + other.runSeconds,
                writeSeconds + other.writeSeconds,
                bytesWritten + other.bytesWritten,
                recordsWritten + other.recordsWritten,
                fetchWaitSeconds + other.fetchWaitSeconds,
                remoteBytesRead + other.remoteBytesRead,
                localBytesRead + other.localBytesRead,
                blocksRead + other.blocksRead,
                recordsRead + other.recordsRead);
    }
}
