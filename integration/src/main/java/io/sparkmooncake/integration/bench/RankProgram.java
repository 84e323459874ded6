// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A library that can sum vectors of all ranks, and how its ranks are started.
 *
 * @param name what the tables call it
 * @param install what to install where it is missing
 * @param compile words that build it; the last one is the program. Empty where there is nothing to build
 * @param launch how to start it
 */
record RankProgram(String name, String install, List<String> compile, Launch launch) {
    private static final int COMPILE_SECONDS = 120;
    private static final Path TASKSET = Path.of("/usr/bin/taskset");
    private static final String SOURCES = "integration/peers/";

    /** Command lines of the processes to start, which together are all ranks. */
    @FunctionalInterface
    interface Launch {
        List<List<String>> commands(int ranks, int port, Path scratch) throws IOException;
    }

    /** Copies the words. */
    RankProgram {
        compile = List.copyOf(compile);
    }

    /** This project's, in JVMs with the options that Spark gives to executors. */
    static RankProgram mooncake() {
        return new RankProgram("mooncake", "", List.of(), (ranks, port, scratch) -> {
            List<List<String>> commands = new ArrayList<>();
            for (int rank = 0; rank < ranks; rank++) {
                commands.add(bound(
                        rank,
                        ranks,
                        java(),
                        "-Xmx1g",
                        "--add-modules=jdk.incubator.vector",
                        "--add-opens=java.base/java.nio=ALL-UNNAMED",
                        "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        CollectiveRank.class.getName(),
                        Integer.toString(port),
                        Integer.toString(rank),
                        Integer.toString(ranks)));
            }
            return commands;
        });
    }

    /** OpenMPI over shared memory; its ranks yield where there are more than processors. */
    static RankProgram openMpi(Path scratch) {
        String program = scratch.resolve("openmpi_rank").toString();
        return new RankProgram(
                "OpenMPI",
                "apt-get install openmpi-bin libopenmpi-dev",
                List.of("mpicc", "-std=gnu11", "-O3", "-march=native", SOURCES + "openmpi_rank.c", "-o", program),
                (ranks, port, folder) -> {
                    List<String> words = new ArrayList<>(List.of("mpirun", "--allow-run-as-root", "--oversubscribe"));
                    words.addAll(List.of("--mca", "btl", "self,vader", "-np", Integer.toString(ranks)));
                    if (ranks > Runtime.getRuntime().availableProcessors()) {
                        words.addAll(List.of("--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"));
                    }
                    words.addAll(List.of(program, Integer.toString(port)));
                    return List.of(words);
                });
    }

    /** Gloo over TCP on loopback, which is all it has on a host. */
    static RankProgram gloo(Path scratch, String algorithm) {
        String program = scratch.resolve("gloo_rank").toString();
        return new RankProgram(
                "Gloo " + algorithm,
                "apt-get install libgloo-dev g++",
                List.of(
                        "g++",
                        "-std=c++14",
                        "-O3",
                        "-march=native",
                        SOURCES + "gloo_rank.cc",
                        "-lgloo",
                        "-pthread",
                        "-o",
                        program),
                (ranks, port, folder) -> {
                    Path meeting = Files.createTempDirectory(folder, "gloo");
                    List<List<String>> commands = new ArrayList<>();
                    for (int rank = 0; rank < ranks; rank++) {
                        commands.add(bound(
                                rank,
                                ranks,
                                program,
                                Integer.toString(port),
                                Integer.toString(rank),
                                Integer.toString(ranks),
                                meeting.toString(),
                                algorithm));
                    }
                    return commands;
                });
    }

    /** XGBoost4J's public communicator; its jar is looked for in Maven's repository and goes into no class path of ours. */
    static RankProgram xgboost() {
        Path jar = Path.of(
                System.getProperty("user.home"),
                ".m2/repository/ml/dmlc/xgboost4j_2.13/2.1.4/xgboost4j_2.13-2.1.4.jar");
        return new RankProgram(
                "XGBoost4J",
                "mvn dependency:get -Dartifact=ml.dmlc:xgboost4j_2.13:2.1.4 -Dtransitive=false",
                List.of("test", "-f", jar.toString()),
                (ranks, port, folder) -> {
                    Path meeting = Files.createTempDirectory(folder, "xgboost");
                    List<List<String>> commands = new ArrayList<>();
                    for (int rank = 0; rank < ranks; rank++) {
                        commands.add(bound(
                                rank,
                                ranks,
                                java(),
                                "-Xmx2g",
                                "-cp",
                                jar + ":" + System.getProperty("java.class.path"),
                                SOURCES + "XgboostRank.java",
                                Integer.toString(port),
                                Integer.toString(rank),
                                Integer.toString(ranks),
                                meeting.toString()));
                    }
                    return commands;
                });
    }

    /**
     * Gives each rank a processor of its own where there are enough, as mpirun does: ranks that are woken by one process otherwise
     * begin on one processor, and share it for longer than a batch takes.
     */
    private static List<String> bound(int rank, int ranks, String... words) {
        boolean own = ranks <= Runtime.getRuntime().availableProcessors() && Files.isExecutable(TASKSET);
        List<String> all = new ArrayList<>(own ? List.of(TASKSET.toString(), "-c", Integer.toString(rank)) : List.of());
        all.addAll(List.of(words));
        return all;
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /** True for ours, whose ranks ask the store over standard output; what others print goes to the log. */
    boolean asksStore() {
        return compile.isEmpty();
    }

    /** Builds it; false where the machine lacks what it needs. */
    boolean build(Path log) throws InterruptedException {
        if (compile.isEmpty()) {
            return true;
        }
        try {
            Process process = new ProcessBuilder(compile)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .start();
            return process.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    List<List<String>> commands(int ranks, int port, Path scratch) throws IOException {
        return launch.commands(ranks, port, scratch);
    }
}
