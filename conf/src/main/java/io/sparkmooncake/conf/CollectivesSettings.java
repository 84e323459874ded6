// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.Map;

/**
 * Settings of communicators.
 *
 * @param timeout how long one wait for a silent rank lasts
 * @param windowBytes size of each of a rank's two windows
 */
public record CollectivesSettings(Duration timeout, int windowBytes) {
    private static final int WINDOW_STEP_BYTES = 64;

    /** Checks what the domain of a size cannot say. */
    public CollectivesSettings {
        if (windowBytes % WINDOW_STEP_BYTES != 0) {
            throw new IllegalArgumentException(
                    Settings.COLLECTIVES_WINDOW.key() + "=" + windowBytes + " is no multiple of " + WINDOW_STEP_BYTES
                            + ". Correct this line, or remove it to get the default");
        }
    }

    /** Reads the settings from Spark's configuration. */
    public static CollectivesSettings read(Map<String, String> conf) {
        return new CollectivesSettings(
                Settings.COLLECTIVES_TIMEOUT.read(conf), Math.toIntExact(Settings.COLLECTIVES_WINDOW.read(conf)));
    }
}
