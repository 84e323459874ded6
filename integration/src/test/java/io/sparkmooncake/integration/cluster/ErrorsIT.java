// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.integration.hosts.Processes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Mistakes that users make, made for real: what they read names the cause and the line to change. */
final class ErrorsIT {
    @Test
    void everyMistakeIsNamed() throws IOException, InterruptedException {
        Submission submission = Submission.plain("4.1.3", "errors")
                .master("local-cluster[3,1,1024]")
                .conf("spark.jars", SparkHome.pluginJar().toString())
                .conf("spark.driver.host", "127.0.0.1");
        Path smallDisk = Files.createDirectories(submission.folder().resolve("small-disk"));
        assumeTrue(mounted(smallDisk), "no tmpfs of 4 MiB could be mounted (root is needed): no disk to fill");
        Map<String, String> facts;
        try {
            facts = submission.argument("small-disk", smallDisk).run();
        } finally {
            Processes.run(List.of("umount", "-l", smallDisk.toString()));
        }
        assertThat(facts.get("no-plugin"))
                .contains(
                        "spark.shuffle.manager=" + Submission.MANAGER + " needs its plugin: add --conf spark.plugins=");
        assertThat(facts.get("external-service"))
                .contains("spark.shuffle.service.enabled=true cannot be used")
                .contains("Change this line to spark.shuffle.service.enabled=false");
        assertThat(facts.get("push"))
                .contains("spark.shuffle.push.enabled=true cannot be used")
                .contains("Change this line to spark.shuffle.push.enabled=false");
        assertThat(facts.get("unknown-key")).contains("spark.mooncake.tcp.prot").contains("spark.mooncake.tcp.port");
        assertThat(facts.get("disk-full"))
                .contains("no space for ")
                .contains("bytes of map output in spark.local.dir (" + smallDisk)
                .contains("bytes usable): free disk space, add a directory, or raise spark.mooncake.shuffle.memory");
        assertThat(facts.get("busy-port"))
                .contains("no listener on host=127.0.0.1")
                .contains("Free a port, set spark.mooncake.tcp.port=0, or raise spark.port.maxRetries");
        assertThat(List.of("busy-port-retried", "sort-named", "no-mistake"))
                .allSatisfy(name -> assertThat(facts).containsEntry(name, "right result"));
        assertThat(facts)
                .as("an application that ended, well or not, left a thread")
                .allSatisfy((name, value) ->
                        assertThat(name.endsWith(".threads") ? value : "[]").isEqualTo("[]"));
    }

    private static boolean mounted(Path folder) throws InterruptedException {
        try {
            Processes.run(List.of("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder.toString()));
            return true;
        } catch (IOException notAllowed) {
            return false;
        }
    }
}
