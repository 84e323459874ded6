// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;

/**
 * The link between a host and the bridge, and the ways in which it fails.
 *
 * <p>Threading: any thread.
 */
public final class Link {
    private static final String NEAR = "eth0";

    private final String far;
    private final String address;
    private final Namespaces host;
    private final Namespaces bridge;

    Link(int number, Namespaces host, Namespaces bridge) throws IOException, InterruptedException {
        this.far = "port" + number;
        this.address = address(number);
        this.host = host;
        this.bridge = bridge;
        String namespace = Long.toString(host.first());
        onBridge("ip", "link", "add", far, "type", "veth", "peer", "name", NEAR, "netns", namespace);
        onBridge("ip", "link", "set", far, "master", Hosts.BRIDGE, "up");
        onHost("ip", "address", "add", address + "/16", "dev", NEAR);
        onHost("ip", "link", "set", "lo", "up");
        onHost("ip", "link", "set", NEAR, "up");
    }

    /** Hosts are numbered from 0. The network is theirs alone, so that every run may use the same addresses. */
    static String address(int number) {
        return "10.213." + (number + 1) / 250 + "." + ((number + 1) % 250 + 1);
    }

    String address() {
        return address;
    }

    private void onHost(String... command) throws IOException, InterruptedException {
        host.runOnNetwork(command);
    }

    private void onBridge(String... command) throws IOException, InterruptedException {
        bridge.runOnNetwork(command);
    }

    /** Unplugs the cable: the host sees that there is no carrier. */
    public void cut() throws IOException, InterruptedException {
        onBridge("ip", "link", "set", far, "down");
    }

    /** Loses every packet without a sign; the host still sees a carrier. */
    public void block() throws IOException, InterruptedException {
        onBridge("ip", "link", "set", far, "nomaster");
    }

    /** Undoes {@link #cut} and {@link #block}. */
    public void restore() throws IOException, InterruptedException {
        onBridge("ip", "link", "set", far, "master", Hosts.BRIDGE, "up");
    }

    /** Answers every packet between this host and {@code other} with "host unreachable". */
    public void reject(Host other) throws IOException, InterruptedException {
        onHost("ip", "route", "add", "unreachable", other.address());
        other.link().onHost("ip", "route", "add", "unreachable", address);
    }

    /** Undoes {@link #reject}. */
    public void accept(Host other) throws IOException, InterruptedException {
        onHost("ip", "route", "delete", "unreachable", other.address());
        other.link().onHost("ip", "route", "delete", "unreachable", address);
    }

    /** Resets the connections to {@code other} that are open now, and returns their number; new ones are possible at once. */
    public int reset(Host other) throws IOException, InterruptedException {
        String killed = host.runOnNetwork("ss", "--no-header", "--kill", "--tcp", "dst", other.address());
        return (int) killed.lines().filter(line -> !line.isBlank()).count();
    }

    /** Limits both directions to a rate. */
    public void limit(long bitsPerSecond) throws IOException, InterruptedException {
        String[] words = {"tc", "qdisc", "replace", "dev", NEAR, "root", "tbf", "rate", bitsPerSecond + "bit"};
        // A burst covers what passes within the kernel's timer tick at this rate, and at least a few packets.
        String burst = Long.toString(Math.max(64L << 10, bitsPerSecond / 8 / 100));
        for (String device : new String[] {NEAR, far}) {
            words[4] = device;
            String[] all = append(words, "burst", burst, "latency", "200ms");
            (device.equals(NEAR) ? host : bridge).runOnNetwork(all);
        }
    }

    private static String[] append(String[] words, String... more) {
        String[] all = Arrays.copyOf(words, words.length + more.length);
        System.arraycopy(more, 0, all, words.length, more.length);
        return all;
    }

    /** Removes the limit and the delay. */
    public void unlimit() throws IOException, InterruptedException {
        onHost("tc", "qdisc", "delete", "dev", NEAR, "root");
        onBridge("tc", "qdisc", "delete", "dev", far, "root");
    }

    /**
     * Delays what the host sends, instead of a limit.
     *
     * @throws IOException if this kernel has no {@code sch_netem}
     */
    public void delay(Duration by) throws IOException, InterruptedException {
        onHost("tc", "qdisc", "replace", "dev", NEAR, "root", "netem", "delay", by.toMillis() + "ms");
    }
}
