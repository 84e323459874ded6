// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Provokes mistakes one after the other, each in an application of its own, and tells what users would read. An application on a
 * cluster restarts executors that cannot bind their port for ever, so that mistake is made in the driver's process.
 */
final class Errors implements Program {
    private static final String PLUGIN = "io.sparkmooncake.plugin.MooncakePlugin";
    private static final String MANAGER = "io.sparkmooncake.shuffle.MooncakeShuffleManager";

    @Override
    public void run(Facts facts) throws IOException {
        provoke(facts, "no-plugin", new SparkConf().set("spark.shuffle.manager", MANAGER));
        provoke(facts, "external-service", plugged().set("spark.shuffle.service.enabled", "true"));
        provoke(facts, "push", plugged().set("spark.shuffle.push.enabled", "true"));
        provoke(facts, "unknown-key", plugged().set("spark.mooncake.tcp.prot", "7078"));
        provoke(facts, "sort-named", plugged().set("spark.shuffle.manager", "sort"));
        provoke(
                facts,
                "disk-full",
                plugged()
                        .set("spark.mooncake.shuffle.memory", "1m")
                        .set("spark.local.dir", facts.argument("small-disk")));
        InetAddress host = InetAddress.getLoopbackAddress();
        try (ServerSocket busy = new ServerSocket(0, 1, host)) {
            String port = Integer.toString(busy.getLocalPort());
            provoke(
                    facts,
                    "busy-port",
                    plugged()
                            .setMaster("local[2]")
                            .set("spark.mooncake.tcp.port", port)
                            .set("spark.port.maxRetries", "0"));
            provoke(
                    facts,
                    "busy-port-retried",
                    plugged().set("spark.mooncake.tcp.port", port).set("spark.port.maxRetries", "5"));
        }
        provoke(facts, "no-mistake", plugged());
    }

    private static SparkConf plugged() {
        return new SparkConf().set("spark.plugins", PLUGIN);
    }

    private static void provoke(Facts facts, String name, SparkConf conf) {
        long start = System.nanoTime();
        try (JavaSparkContext sc = new JavaSparkContext(conf)) {
            new VerifiedJob(4, 5_000, 0, 7).runAndVerify(sc, name);
            facts.tell(name, "right result");
        } catch (Exception | LinkageError failure) {
            facts.tellFailure(name, failure);
        }
        facts.tell(name + ".millis", (System.nanoTime() - start) / 1_000_000);
        facts.tell(
                name + ".threads",
                Thread.getAllStackTraces().keySet().stream()
                        .map(Thread::getName)
                        .filter(thread -> thread.startsWith("mooncake-"))
                        .toList());
    }
}
