// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A standalone Spark cluster: the master and the driver on the first host, a worker on each of the others.
 *
 * @param hosts where it runs
 * @param sparkHome the Spark of all of them
 * @param executorsPerHost how many executors of one core a worker has
 * @param executorMiB memory of an executor
 */
public record StandaloneCluster(Hosts hosts, Path sparkHome, int executorsPerHost, int executorMiB) {
    private static final Duration START = Duration.ofMinutes(5);
    private static final int PORT = 7077;

    /** Starts the master and the workers, and returns after each worker has registered; they end with their hosts. */
    public static StandaloneCluster start(Hosts hosts, Path sparkHome, int executorsPerHost, int executorMiB)
            throws IOException, InterruptedException {
        StandaloneCluster cluster = new StandaloneCluster(hosts, sparkHome, executorsPerHost, executorMiB);
        Host first = hosts.get(0);
        Process master = cluster.daemon(
                first,
                "master",
                List.of(
                        // An executor that a test kills is no reason to remove the application.
                        "-Dspark.deploy.maxExecutorRetries=-1",
                        "org.apache.spark.deploy.master.Master",
                        "--host",
                        first.address(),
                        "--port",
                        Integer.toString(PORT),
                        "--webui-port",
                        "0"));
        Path log = first.folder().resolve("master.log");
        await(master, log, "I have been elected leader");
        for (Host host : cluster.workers()) {
            cluster.startWorker(host);
        }
        for (Host host : cluster.workers()) {
            await(master, log, "Registering worker " + host.address() + ":");
        }
        return cluster;
    }

    /** Starts a worker, the first of its host or one after a kill. */
    public void startWorker(Host host) throws IOException {
        List<String> words =
                new ArrayList<>(List.of("org.apache.spark.deploy.worker.Worker", "--host", host.address()));
        words.addAll(List.of("--webui-port", "0"));
        words.addAll(List.of("--cores", Integer.toString(executorsPerHost)));
        words.addAll(List.of("--memory", executorsPerHost * executorMiB + "m"));
        words.addAll(List.of("--work-dir", host.folder().resolve("work").toString(), master()));
        daemon(host, "worker", words);
    }

    private Process daemon(Host host, String name, List<String> words) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m"));
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", sparkHome.resolve("jars") + "/*"));
        command.addAll(words);
        return host.start(environment(host), command, name + ".log");
    }

    private Map<String, String> environment(Host host) {
        Map<String, String> environment = new LinkedHashMap<>();
        environment.put("SPARK_HOME", sparkHome.toString());
        environment.put("SPARK_SCALA_VERSION", "2.13");
        environment.put("SPARK_LOCAL_IP", host.address());
        environment.put("SPARK_LOCAL_DIRS", host.disk().toString());
        return environment;
    }

    private static void await(Process master, Path log, String words) throws IOException, InterruptedException {
        long end = System.nanoTime() + START.toNanos();
        while (!Files.readString(log).contains(words)) {
            if (!master.isAlive() || System.nanoTime() > end) {
                throw new IOException("the master " + (master.isAlive() ? "did not log" : "ended before it logged")
                        + " '" + words + "' within " + START + ": see " + log + " and worker.log of the other hosts");
            }
            Thread.sleep(100);
        }
    }

    /** Returns the hosts with a worker. */
    public List<Host> workers() {
        return hosts.all().subList(1, hosts.all().size());
    }

    /** Returns how many executors an application gets. */
    public int executors() {
        return workers().size() * executorsPerHost;
    }

    /** Returns the URL for {@code --master}. */
    public String master() {
        return "spark://" + hosts.get(0).address() + ":" + PORT;
    }

    /** Returns the configuration that an application needs to use every executor. */
    public Map<String, String> conf() {
        return Map.of(
                "spark.driver.host",
                hosts.get(0).address(),
                "spark.cores.max",
                Integer.toString(executors()),
                "spark.executor.cores",
                "1",
                "spark.executor.memory",
                executorMiB + "m");
    }

    /** Returns the command line that runs {@code words}, such as {@code spark-submit} and its arguments, beside the master. */
    public List<String> onDriver(List<String> words) {
        return hosts.get(0).command(environment(hosts.get(0)), words);
    }
}
