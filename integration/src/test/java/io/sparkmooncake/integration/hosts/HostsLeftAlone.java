// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Starts hosts, prints the processes in them, and waits to be killed. */
final class HostsLeftAlone {
    private HostsLeftAlone() {}

    /** Starts them in the folder {@code words[0]}. */
    public static void main(String[] words) throws IOException, InterruptedException {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        try (Hosts hosts = Hosts.start(Path.of(words[0]), List.of(HostSpec.unlimited(), HostSpec.unlimited()))) {
            for (Host host : hosts.all()) {
                host.start(Map.of(), List.of("sleep", "3600"), "sleep.log");
                while (host.find("sleep 3600").isEmpty()) {
                    Thread.sleep(10);
                }
                out.println(host.find("sleep 3600").get(0));
            }
            out.println("all");
            Thread.sleep(3_600_000);
        }
    }
}
