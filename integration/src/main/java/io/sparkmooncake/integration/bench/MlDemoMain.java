// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Arguments;
import io.sparkmooncake.integration.workload.MlDemo;
import java.io.File;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Runs a loop of machine learning on two executor processes of this machine; the program behind {@code bin/demo ml}. */
public final class MlDemoMain {
    private MlDemoMain() {}

    /** Runs it and lets it print. */
    public static void main(String[] words) throws IOException, InterruptedException {
        Set<String> known = new HashSet<>(Setting.ARGUMENTS);
        known.add("mllib");
        known.addAll(MlDemo.ARGUMENTS);
        Arguments arguments = Arguments.parse(words, known);
        Setting setting = Setting.of(arguments);
        List<String> command = MlBenchMain.command(setting, MlDemo.class, arguments.text("mllib", ""), 1);
        for (String name : MlDemo.ARGUMENTS) {
            if (!arguments.text(name, "").isEmpty()) {
                command.addAll(List.of("--" + name, arguments.text(name, "")));
            }
        }
        File log = setting.output().resolve("demo-ml.log").toFile();
        Process process = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(log)
                .start();
        int exit = process.waitFor();
        if (exit != 0) {
            throw new BenchFailure("the demo failed: exit=" + exit + "; its driver's log is " + log);
        }
    }
}
