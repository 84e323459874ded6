// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Repetition;
import io.sparkmooncake.integration.workload.StageTime;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Something that is compared of each run.
 *
 * @param title what the tables call it
 * @param unit its unit
 * @param quantity reads it off a run
 */
record Measure(String title, String unit, ToDoubleFunction<Repetition> quantity) {
    private static final double MIB = 1 << 20;

    static final Measure WALL = new Measure("wall", "s", Repetition::wallSeconds);
    static final Measure WRITE =
            new Measure("shuffle write", "s", run -> run.map().writeSeconds());
    static final Measure FETCH_WAIT = new Measure(
            "fetch wait",
            "s",
            run -> run.map().fetchWaitSeconds() + run.reduce().fetchWaitSeconds());

    static final List<Measure> ALL = List.of(
            WALL,
            new Measure(
                    "stage time",
                    "s",
                    run -> run.stages().stream().mapToDouble(StageTime::seconds).sum()),
            new Measure(
                    "task time",
                    "s",
                    run -> run.map().runSeconds() + run.reduce().runSeconds()),
            new Measure("map CPU", "s", run -> run.map().cpuSeconds()),
            new Measure("reduce CPU", "s", run -> run.reduce().cpuSeconds()),
            new Measure("executor CPU", "s", Repetition::executorCpuSeconds),
            WRITE,
            FETCH_WAIT,
            new Measure(
                    "blocks read",
                    "1",
                    run -> run.map().blocksRead() + run.reduce().blocksRead()),
            new Measure("shuffle bytes", "MiB", run -> run.map().bytesWritten() / MIB),
            new Measure("peak RSS", "MiB", run -> run.peakRssBytes() / MIB),
            new Measure("private RSS", "MiB", run -> run.privateRssBytes() / MIB));
}
