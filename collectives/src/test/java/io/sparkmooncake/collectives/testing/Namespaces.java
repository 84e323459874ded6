// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Two hosts as far as the network goes: namespaces joined by one link, whose ends are {@link #FIRST} and {@link #SECOND}. */
public final class Namespaces implements AutoCloseable {
    public static final String FIRST = "10.213.78.1";
    public static final String SECOND = "10.213.78.2";

    private static final String LINK = "mc-ranks";

    private final String first = "mc-ra-" + ProcessHandle.current().pid();
    private final String second = "mc-rb-" + ProcessHandle.current().pid();

    private Namespaces() {}

    /** Why namespaces cannot be made here; empty where they can. */
    public static Optional<String> missing() throws InterruptedException {
        try {
            make().close();
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("network namespaces need root and iproute2: " + e.getMessage());
        }
    }

    public static Namespaces make() throws IOException, InterruptedException {
        Namespaces hosts = new Namespaces();
        boolean made = false;
        try {
            ip("netns", "add", hosts.first);
            ip("netns", "add", hosts.second);
            ip("link", "add", LINK, "netns", hosts.first, "type", "veth", "peer", "name", LINK, "netns", hosts.second);
            configure(hosts.first, FIRST);
            configure(hosts.second, SECOND);
            made = true;
            return hosts;
        } finally {
            if (!made) {
                hosts.close();
            }
        }
    }

    private static void configure(String host, String address) throws IOException, InterruptedException {
        ip("-n", host, "address", "add", address + "/24", "dev", LINK);
        ip("-n", host, "link", "set", "lo", "up");
        ip("-n", host, "link", "set", LINK, "up");
    }

    /** Returns what a command begins with that runs on the first host. */
    public List<String> onFirst() {
        return List.of("ip", "netns", "exec", first);
    }

    /** Returns what a command begins with that runs on the second host. */
    public List<String> onSecond() {
        return List.of("ip", "netns", "exec", second);
    }

    /** Cuts the link between the hosts. */
    public void cut() throws IOException, InterruptedException {
        ip("-n", first, "link", "set", LINK, "down");
    }

    /** Lets the link carry no more than this in either direction: {@code 8gbit}. */
    public void limit(String rate) throws IOException, InterruptedException {
        for (String host : List.of(first, second)) {
            run(
                    "tc", "-n", host, "qdisc", "add", "dev", LINK, "root", "tbf", "rate", rate, "burst", "2mb",
                    "latency", "50ms");
        }
    }

    private static void ip(String... arguments) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of("ip"));
        words.addAll(List.of(arguments));
        run(words.toArray(String[]::new));
    }

    private static void run(String... words) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", words) + ": " + said);
        }
    }

    @Override
    public void close() {
        for (String host : List.of(first, second)) {
            try {
                ip("netns", "delete", host);
            } catch (IOException notMade) {
                // Nothing to take back.
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
