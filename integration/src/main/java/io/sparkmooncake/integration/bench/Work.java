// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What one application has to do.
 *
 * @param name what the tables call it
 * @param workloads names of workloads, run one after the other in each repetition
 * @param options arguments of the workloads
 * @param warmups repetitions that are not counted
 * @param repetitions repetitions that are counted
 */
record Work(String name, List<String> workloads, Map<String, String> options, int warmups, int repetitions) {

    /** Copies the collections. */
    Work {
        workloads = List.copyOf(workloads);
        options = Map.copyOf(options);
    }

    /** How many runs of a workload the application reports. */
    int runs() {
        return workloads.size() * (warmups + repetitions);
    }

    /** The name in the tables of the {@code workload} of this work. */
    String rowName(String workload) {
        return workloads.size() == 1 ? name : name + " " + workload;
    }

    /** The command line of the application. */
    List<String> arguments() {
        List<String> words = new ArrayList<>(List.of(
                "--workloads", String.join(",", workloads),
                "--warmups", Integer.toString(warmups),
                "--repetitions", Integer.toString(repetitions)));
        options.forEach((option, value) -> words.addAll(List.of("--" + option, value)));
        return words;
    }
}
