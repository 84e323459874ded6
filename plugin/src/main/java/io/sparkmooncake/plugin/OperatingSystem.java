// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.conf.Settings.OnUnsupported;
import io.sparkmooncake.conf.TransferSettings;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the operating system lets an executor do. */
final class OperatingSystem {
    private static final Logger LOG = LoggerFactory.getLogger(OperatingSystem.class);

    private OperatingSystem() {}

    /** Returns why no path is left on this system. */
    static Optional<String> withoutPaths(List<String> paths, String name) {
        return left(paths, name).isEmpty()
                ? Optional.of(Settings.PATHS.key() + "=shm needs Linux, and this is " + name + ": change this line to "
                        + Settings.PATHS.key() + "=shm,tcp")
                : Optional.empty();
    }

    /** shm reaches memory through Linux's {@code /proc}. */
    private static List<String> left(List<String> paths, String name) {
        return name.startsWith("Linux")
                ? paths
                : paths.stream().filter(path -> !path.equals("shm")).toList();
    }

    /** Takes paths out of the settings that this system does not have. */
    static TransferSettings allowed(TransferSettings settings, String name, OnUnsupported onUnsupported) {
        List<String> paths = left(settings.paths(), name);
        if (paths.equals(settings.paths())) {
            return settings;
        }
        if (paths.isEmpty() && onUnsupported == OnUnsupported.SORT) {
            paths = List.of("tcp");
        }
        withoutPaths(paths, name).ifPresent(reason -> {
            throw new IllegalStateException(reason);
        });
        LOG.warn(
                "{}={}: shm needs Linux, and this is {}; going on with {}",
                Settings.PATHS.key(),
                settings.paths(),
                name,
                paths);
        return settings.withPaths(paths);
    }
}
