// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.integration.example.Progress;
import java.util.Arrays;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.util.CollectionAccumulator;

/** Tells the driver where each rank of a loop sits. Threading: the task's. */
final class DeviceSeats implements Progress {
    private static final long serialVersionUID = 1;

    private final CollectionAccumulator<String> seats;

    DeviceSeats(CollectionAccumulator<String> seats) {
        this.seats = seats;
    }

    /** Returns where a rank sits: rank, executor, process, what Spark assigned, and its device or why it has none. */
    static String of(Communicator ranks) {
        TaskContext task = TaskContext.get();
        ResourceInformation assigned = task.resourcesJMap().get("gpu");
        DeviceMemory memory = ranks.deviceMemory();
        return "rank " + ranks.membership().rank() + " executor="
                + SparkEnv.get().executorId() + " pid="
                + ProcessHandle.current().pid() + " addresses="
                + (assigned == null ? "none" : Arrays.toString(assigned.addresses()))
                + (memory.isAvailable() ? " device=" + memory.device() : " host: " + memory.unavailabilityCause());
    }

    @Override
    public void loaded(Communicator communicator) {
        seats.add(of(communicator));
    }

    @Override
    public void computed() {}

    @Override
    public void reduced() {}

    @Override
    public void iterated(int iteration, double objective) {}

    @Override
    public void ended() {}
}
