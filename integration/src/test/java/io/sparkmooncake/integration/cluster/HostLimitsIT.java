// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.integration.hosts.HostSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Every way of shuffling on hosts of a user without rights, with few open files, a slow link and little shared memory. */
@Tag("campaign")
final class HostLimitsIT {
    @Test
    void everyWayOfShufflingIsRightWithinTheLimitsOfItsHosts() throws IOException, InterruptedException {
        for (Path folder = SparkHome.pluginJar().getParent(); folder != null; folder = folder.getParent()) {
            boolean mayEnter = Files.getPosixFilePermissions(folder).contains(PosixFilePermission.OTHERS_EXECUTE);
            assumeTrue(mayEnter, "skipped: users without rights cannot enter " + folder);
        }
        Submission submission = Submission.of("4.1.3", "breadth").on(Layout.FOUR_HOSTS);
        Path streams = Files.createDirectories(submission.folder().resolve("streams"));
        Files.setPosixFilePermissions(streams, PosixFilePermissions.fromString("rwxrwxrwx"));
        Map<String, String> facts = submission
                .hosts(HostSpec.unlimited()
                        .withUser(HostSpec.User.NOBODY)
                        .withOpenFiles(512)
                        .withRate(100_000_000)
                        .withShm(16 << 20))
                .conf("spark.shuffle.spill.numElementsForceSpillThreshold", "1500")
                .argument("folder", streams.resolve("stream"))
                .run();
        assertThat(facts).containsEntry("micro-batches", "3");
    }
}
