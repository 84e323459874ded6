// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import io.sparkmooncake.integration.hosts.Host;
import io.sparkmooncake.integration.hosts.Hosts;
import io.sparkmooncake.integration.hosts.Processes;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Does what a program asks of the machine that it runs on: kills, freezes, broken links and full disks. The driver of a cluster
 * on several hosts can reach neither the processes nor the links of the others.
 *
 * @param hosts the hosts, or null if everything runs on this machine's own
 */
record Actions(@Nullable Hosts hosts) {

    /** Returns the answer to {@code VERB ADDRESS ARGUMENT}. */
    String answer(String request) throws IOException, InterruptedException {
        List<String> words = List.of(request.split(" ", -1));
        String verb = words.get(0);
        if (hosts == null) {
            return onThisMachine(verb, Long.parseLong(words.get(2)));
        }
        return on(hosts.at(words.get(1)), verb, words.get(2));
    }

    private static String onThisMachine(String verb, long pid) throws IOException {
        switch (verb) {
            case "alive" -> {
                return Boolean.toString(
                        ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false));
            }
            case "memory" -> {
                return Processes.memory(pid);
            }
            case "kill" -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            default -> throw new IOException(verb + " needs a layout with hosts");
        }
        return "done";
    }

    private String on(Host host, String verb, String argument) throws IOException, InterruptedException {
        switch (verb) {
            case "alive" -> {
                return Boolean.toString(host.isAlive(Long.parseLong(argument)));
            }
            case "memory" -> {
                return host.memory(Long.parseLong(argument));
            }
            case "kill" -> host.signal("KILL", Long.parseLong(argument));
            case "stop" -> host.signal("STOP", Long.parseLong(argument));
            case "continue" -> host.signal("CONT", Long.parseLong(argument));
            case "freeze" -> host.freeze();
            case "resume" -> host.resume();
            case "kill-host" -> host.kill();
            case "cut" -> host.link().cut();
            case "block" -> host.link().block();
            case "restore" -> host.link().restore();
            case "limit" -> host.link().limit(Long.parseLong(argument));
            case "unlimit" -> host.link().unlimit();
            case "fill-disk" -> host.fillDisk();
            case "free-disk" -> host.freeDisk();
            case "read-only" -> host.makeReadOnly(host.disk());
            case "writable" -> host.makeWritable(host.disk());
            case "reset" -> {
                return Integer.toString(host.link().reset(at(argument)));
            }
            case "reject" -> host.link().reject(at(argument));
            case "accept" -> host.link().accept(at(argument));
            default -> throw new IOException("no action " + verb);
        }
        return "done";
    }

    private Host at(String address) {
        return Objects.requireNonNull(hosts).at(address);
    }
}
