// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Two network namespaces, joined by one link, and the processes that run in them. Only the network is their own: process ids,
 * {@code /dev/shm} and files are those of this machine.
 */
final class Hosts implements AutoCloseable {
    static final String FIRST_ADDRESS = "10.213.77.1";
    static final String SECOND_ADDRESS = "10.213.77.2";

    private final String first = "mc-a-" + ProcessHandle.current().pid();
    private final String second = "mc-b-" + ProcessHandle.current().pid();
    private final List<Process> processes = new ArrayList<>();

    private Hosts() {}

    /** Why namespaces cannot be made here; empty where they can. */
    static Optional<String> missing() throws InterruptedException {
        try {
            make().close();
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("network namespaces need root and iproute2: " + e.getMessage());
        }
    }

    static Hosts make() throws IOException, InterruptedException {
        Hosts hosts = new Hosts();
        boolean made = false;
        try {
            hosts.connect();
            made = true;
            return hosts;
        } finally {
            if (!made) {
                hosts.close();
            }
        }
    }

    private void connect() throws IOException, InterruptedException {
        ip("netns", "add", first);
        ip("netns", "add", second);
        ip("link", "add", link(), "netns", first, "type", "veth", "peer", "name", link(), "netns", second);
        configure(first, FIRST_ADDRESS);
        configure(second, SECOND_ADDRESS);
    }

    private void configure(String host, String address) throws IOException, InterruptedException {
        ip("-n", host, "address", "add", address + "/24", "dev", link());
        ip("-n", host, "link", "set", "lo", "up");
        ip("-n", host, "link", "set", link(), "up");
    }

    /** The name that the link has on either host. */
    String link() {
        return "mc-link";
    }

    List<String> onFirst() {
        return on(first, FIRST_ADDRESS);
    }

    List<String> onSecond() {
        return on(second, SECOND_ADDRESS);
    }

    private static List<String> on(String host, String address) {
        return List.of("ip", "netns", "exec", host, "env", "SPARK_LOCAL_IP=" + address, "SPARK_SCALA_VERSION=2.13");
    }

    /** Starts {@code command} on {@code host}, one of {@link #onFirst} and {@link #onSecond}, until this is closed. */
    void start(List<String> host, List<String> command, Path log) throws IOException {
        List<String> words = new ArrayList<>(host);
        words.addAll(command);
        processes.add(new ProcessBuilder(words)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start());
    }

    private static void ip(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(words));
        Processes.run(command);
    }

    @Override
    public void close() {
        try {
            for (Process process : processes) {
                Processes.kill(process);
            }
            delete(first);
            delete(second);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void delete(String host) throws InterruptedException {
        try {
            ip("netns", "delete", host);
        } catch (IOException notMade) {
            // Nothing to take back.
        }
    }
}
