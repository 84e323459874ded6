// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Hosts on one bridge. Their network is connected to nothing else, so that several runs at once do not meet.
 *
 * <p>Threading: one thread starts and closes them.
 */
public final class Hosts implements AutoCloseable {
    static final String BRIDGE = "bridge";

    private final Namespaces bridge;
    private final List<Host> hosts = new ArrayList<>();

    private Hosts(Namespaces bridge) {
        this.bridge = bridge;
    }

    /**
     * Starts a host for each of {@code specs}.
     *
     * @param folder gets a folder of each host, with its logs and disk
     * @throws IOException if something cannot be made; the message has the command and its output
     */
    public static Hosts start(Path folder, List<HostSpec> specs) throws IOException, InterruptedException {
        Files.createDirectories(folder);
        Path root = folder.toRealPath();
        if (root.startsWith("/tmp") || root.startsWith("/dev/shm")) {
            throw new IOException(
                    root + " would be hidden: hosts have their own /tmp and /dev/shm. Use another folder");
        }
        MemoryLimit.sweep();
        Files.writeString(
                root.resolve("hosts"),
                IntStream.range(0, specs.size())
                        .mapToObj(number -> Link.address(number) + " " + Host.name(number) + "\n")
                        .collect(Collectors.joining("", "127.0.0.1 localhost\n", "")));
        Hosts hosts = new Hosts(Namespaces.make("", List.of()));
        boolean isStarted = false;
        try {
            hosts.bridge.runOnNetwork("ip", "link", "add", BRIDGE, "type", "bridge");
            hosts.bridge.runOnNetwork("ip", "link", "set", BRIDGE, "up");
            for (HostSpec spec : specs) {
                int number = hosts.hosts.size();
                hosts.hosts.add(new Host(number, spec, root.resolve(Host.name(number)), hosts.bridge));
            }
            isStarted = true;
            return hosts;
        } finally {
            if (!isStarted) {
                hosts.close();
            }
        }
    }

    /** Returns why hosts cannot be started in {@code folder}, or empty. */
    public static Optional<String> missing(Path folder) throws InterruptedException {
        try {
            start(folder, List.of(HostSpec.unlimited())).close();
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("hosts need root, iproute2 and util-linux: " + e.getMessage());
        }
    }

    /** Returns why the memory of a host cannot be limited, or empty. */
    public static Optional<String> missingMemoryLimits() {
        return MemoryLimit.missing();
    }

    /** Returns the hosts in the order of their specs. */
    public List<Host> all() {
        return List.copyOf(hosts);
    }

    /** Returns a host by its position. */
    public Host get(int number) {
        return hosts.get(number);
    }

    /** Returns the host that has {@code address} or is named so. */
    public Host at(String address) {
        return hosts.stream()
                .filter(host -> host.address().equals(address) || host.name().equals(address))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no host has address " + address + "; there are "
                        + hosts.stream().map(Host::address).toList()));
    }

    /** Ends every process of every host. Their folders stay. */
    @Override
    public void close() {
        hosts.forEach(Host::close);
        bridge.close();
    }
}
