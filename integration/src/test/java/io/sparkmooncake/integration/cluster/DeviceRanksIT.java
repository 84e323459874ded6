// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.sparkmooncake.gpu.driver.Cuda;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Executors on a machine without GPUs; {@code integration/gpu/run spark} has the other half. */
final class DeviceRanksIT {
    @Test
    void executorsWithoutAssignedGpusLoadNothingOfCuda() throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of("3.5.9", "device-ranks").run();
        assertThat(facts)
                .containsEntry("sum", "6.0 on the host")
                .containsEntry(
                        "refused",
                        "this communicator takes no memory of a device: its ranks joined without devices. Copy the elements"
                                + " to the host")
                .containsEntry(
                        "executors",
                        "[executor=0 held=0 jcuda=false, executor=1 held=0 jcuda=false, executor=2 held=0 jcuda=false]");
    }

    /** Spark assigns what a discovery script names; whether it is there is another matter. */
    @Test
    void assignedGpusWithoutADriverAreRefusedByName() throws IOException, InterruptedException {
        assumeFalse(Cuda.isAvailable(), "this machine has GPUs: integration/gpu/run spark checks them");
        Submission submission = Submission.of("4.1.3", "device-ranks");
        Path script = submission.folder().resolve("discover");
        Files.writeString(script, "#!/bin/sh\necho '{\"name\":\"gpu\",\"addresses\":[\"0\"]}'\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        Map<String, String> facts = submission
                .conf("spark.worker.resource.gpu.amount", "1")
                .conf("spark.worker.resource.gpu.discoveryScript", script.toString())
                .conf("spark.executor.resource.gpu.amount", "1")
                .conf("spark.task.resource.gpu.amount", "1")
                .run();
        String cause = Cuda.unavailabilityCause();
        assertThat(facts)
                .containsEntry("sum", "6.0 on the host")
                .containsEntry(
                        "refused",
                        "this communicator takes no memory of a device: 3 of 3 ranks cannot use a device: rank 0: "
                                + cause + "; rank 1: " + cause + "; rank 2: " + cause
                                + ". Copy the elements to the host")
                .containsEntry(
                        "executors",
                        "[executor=0 held=0 jcuda=false, executor=1 held=0 jcuda=false, executor=2 held=0 jcuda=false]");
    }
}
