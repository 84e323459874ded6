// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Entry point for {@code spark-submit}: the name of a program and its arguments as {@code name=value}. */
public final class ProgramMain {
    private ProgramMain() {}

    /** Runs the program that {@code words} name. */
    public static void main(String[] words) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        program(words[0]).run(Facts.of(List.of(words).subList(1, words.length), out, in));
        out.println("FACT passed=" + words[0]);
    }

    private static Program program(String name) {
        return switch (name) {
            case "kill-once" -> new KillOnce();
            case "kills" -> new Kills();
            case "link-cut" -> new LinkCut();
            case "fault-campaign" -> new FaultCampaign();
            case "errors" -> new Errors();
            case "dynamic-allocation" -> new DynamicAllocation();
            case "decommission" -> new Decommission();
            case "indeterminate-retry" -> new IndeterminateRetry();
            case "breadth" -> new Breadth();
            case "peers" -> new Peers();
            case "sizes" -> new Sizes();
            case "small-containers" -> new SmallContainers();
            case "long-application" -> new LongApplication();
            case "wide-sort" -> new WideSort();
            case "ml-shuffles" -> new MlShuffles();
            case "rank-breadth" -> new RankBreadth();
            case "rank-failures" -> new RankFailures();
            case "ml-examples" -> new MlExamples();
            case "left-to-spark" -> new LeftToSpark();
            case "tpch" -> new Tpch();
            case "codecs" -> new Codecs();
            case "device-ranks" -> new DeviceRanks();
            default -> throw new IllegalArgumentException("no program " + name);
        };
    }
}
