// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.conf.TransferSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What two processes have in common when one may be able to map the other's memory: boot, PID namespace, and the file system of
 * {@code spark.mooncake.memory.dir}. A hint that keeps ranks from trying those of other hosts; the mapping itself is the proof.
 */
final class HostMark {
    private static final Path BOOT = Path.of("/proc/sys/kernel/random/boot_id");
    private static final Path PIDS = Path.of("/proc/self/ns/pid");

    private HostMark() {}

    /** Returns the mark of this process; empty when it maps nobody's memory, because path shm is off or the mark unknown. */
    static String of(TransferSettings settings) {
        if (!settings.paths().contains("shm")) {
            return "";
        }
        try {
            return Files.readString(BOOT).trim() + "/" + Files.readSymbolicLink(PIDS) + "/"
                    + Files.getAttribute(Path.of(settings.memory().dir()), "unix:dev");
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return "";
        }
    }
}
