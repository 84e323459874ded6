// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The address that Spark binds in this process, if it was given one that is not the address it publishes: in containers and
 * behind network address translation. The driver has it in its configuration; executors have it only on their command line.
 */
final class BindAddress {
    private static final String DRIVER_KEY = "spark.driver.bindAddress";
    private static final String EXECUTOR_OPTION = "--bind-address";

    private BindAddress() {}

    /**
     * Returns the address, empty if Spark was given none.
     *
     * @param executorId of this process
     * @param conf of the application
     * @param command line of this Java process, without the options of Java
     */
    static String of(String executorId, Map<String, String> conf, String command) {
        if (executorId.equals("driver")) {
            return conf.getOrDefault(DRIVER_KEY, "").trim();
        }
        List<String> words = Arrays.asList(command.trim().split("\\s+"));
        int option = words.indexOf(EXECUTOR_OPTION);
        boolean known = words.get(0).endsWith("ExecutorBackend") && option > 0 && option + 1 < words.size();
        return known ? words.get(option + 1) : "";
    }
}
