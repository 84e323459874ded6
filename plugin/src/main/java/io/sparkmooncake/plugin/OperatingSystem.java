// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.conf.TransferSettings;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the operating system lets an executor do. */
final class OperatingSystem {
    private static final Logger LOG = LoggerFactory.getLogger(OperatingSystem.class);

    private OperatingSystem() {}

    /** Takes paths out of the settings that this system does not have: shm reaches memory through Linux's {@code /proc}. */
    static TransferSettings allowed(TransferSettings settings, String name) {
        if (name.startsWith("Linux") || !settings.paths().contains("shm")) {
            return settings;
        }
        List<String> paths =
                settings.paths().stream().filter(path -> !path.equals("shm")).toList();
        if (paths.isEmpty()) {
            throw new IllegalStateException(Settings.PATHS.key() + "=shm needs Linux, and this is " + name
                    + ": change this line to " + Settings.PATHS.key() + "=shm,tcp");
        }
        LOG.warn(
                "{}={}: shm needs Linux, and this is {}; going on with {}",
                Settings.PATHS.key(),
                settings.paths(),
                name,
                paths);
        return settings.withPaths(paths);
    }
}
