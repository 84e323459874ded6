// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Which process of which host this is, so that another one can see whether it shares the host, and whether the process still lives.
 *
 * @param host random at each boot of a host, with the PID name space
 * @param pid in that name space
 * @param start when the process began, as the kernel counts: a pid is used again
 */
record ProcessMark(String host, long pid, String start) {
    private static final int START_FIELD = 19;

    static ProcessMark ofThisProcess() throws IOException {
        long pid = ProcessHandle.current().pid();
        String boot =
                Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        String space = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
        return new ProcessMark(boot + "/" + space.replaceAll("\\D", ""), pid, start(pid));
    }

    static ProcessMark parse(String text) {
        String[] parts = text.split(" ", -1);
        if (parts.length != 3) {
            throw new IllegalArgumentException(text + " marks no process");
        }
        return new ProcessMark(parts[0], Long.parseLong(parts[1]), parts[2]);
    }

    String encode() {
        return host + " " + pid + " " + start;
    }

    private static String start(long pid) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[START_FIELD];
    }

    /** Returns why the process cannot be reached from this one; empty where it lives on this host. */
    String absence() {
        try {
            String here = ofThisProcess().host;
            if (!here.equals(host)) {
                return "it runs on another host or in another PID name space";
            }
            return start(pid).equals(start) ? "" : "pid=" + pid + " is another process by now";
        } catch (IOException e) {
            return "pid=" + pid + " ended";
        }
    }

    /** Tells that a process of this host lives. */
    boolean lives() {
        try {
            return start(pid).equals(start);
        } catch (IOException e) {
            return false;
        }
    }
}
