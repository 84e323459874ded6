// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Hosts have what their specs say, fail as they are told to, and leave nothing behind. */
final class HostsIT {
    private static final Path FOLDER =
            Path.of(System.getProperty("java.io.tmpdir"), "it", "hosts").toAbsolutePath();

    @BeforeAll
    static void requireHosts() throws InterruptedException {
        Optional<String> missing = Hosts.missing(FOLDER);
        assumeTrue(missing.isEmpty(), () -> "skipped: " + missing.orElse(""));
    }

    @Test
    void eachHasItsOwnMemoryProcessesNameAndFiles() throws IOException, InterruptedException {
        HostSpec small = HostSpec.unlimited().withShm(8 << 20).withDisk(4 << 20);
        try (Hosts hosts = Hosts.start(FOLDER, List.of(small, small, small))) {
            Host first = hosts.get(0);
            assertThat(first.run("stat", "-f", "-c", "%b %S", "/dev/shm").strip())
                    .isEqualTo((8 << 20) / 4096 + " 4096");
            first.run("sh", "-c", "echo mine >/dev/shm/mooncake-hosts-it; echo mine >/tmp/mooncake-hosts-it");
            assertThat(hosts.get(1).run("ls", "/dev/shm", "/tmp")).doesNotContain("mooncake-hosts-it");
            assertThat(Path.of("/dev/shm/mooncake-hosts-it")).doesNotExist();
            assertThat(first.run("sh", "-c", "cat /proc/sys/kernel/hostname; echo $$; getent hosts host-2"))
                    .startsWith("host-0\n")
                    .contains(hosts.get(2).address());
            first.fillDisk();
            assertThatThrownBy(
                            () -> first.run("dd", "if=/dev/zero", "bs=100k", "count=1", "of=" + first.disk() + "/more"))
                    .hasMessageContaining("No space left");
            first.freeDisk();
            first.run("sh", "-c", "echo more >" + first.disk() + "/more");
            first.makeReadOnly(first.disk());
            assertThatThrownBy(() -> first.run("sh", "-c", "echo more >" + first.disk() + "/more"))
                    .hasMessageContaining("Read-only");
            first.makeWritable(first.disk());
            first.run("sh", "-c", "echo more >" + first.disk() + "/more");
        }
    }

    @Test
    void linksFailAsTheyAreTold() throws IOException, InterruptedException {
        HostSpec spec = HostSpec.unlimited().withRate(50_000_000);
        try (Hosts hosts = Hosts.start(FOLDER, List.of(spec, spec, spec))) {
            Host host = hosts.get(0);
            Host peer = hosts.get(1);
            assertThat(connect(host, peer)).contains("refused"); // by the peer: nobody listens there
            host.link().block();
            assertThat(connect(host, peer)).doesNotContain("refused");
            host.link().restore();
            awaitAnswer(host, peer);
            host.link().cut();
            assertThat(connect(host, peer)).doesNotContain("refused");
            assertThat(connect(peer, hosts.get(2))).contains("refused");
            host.link().restore();
            awaitAnswer(host, peer);
            host.link().reject(peer);
            assertThat(connect(host, peer)).contains("No route to host");
            assertThat(connect(host, hosts.get(2))).contains("refused");
            host.link().accept(peer);
            assertThat(connect(host, peer)).contains("refused");
        }
    }

    @Test
    void connectionsAreSlowAndAreReset() throws IOException, InterruptedException {
        HostSpec spec = HostSpec.unlimited().withRate(50_000_000);
        try (Hosts hosts = Hosts.start(FOLDER, List.of(spec, spec, spec))) {
            Host host = hosts.get(0);
            Host peer = hosts.get(1);
            peer.start(
                    Map.of(),
                    List.of(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            Sink.class.getName()),
                    "sink.log");
            String address = "/dev/tcp/" + peer.address() + "/" + Sink.PORT;
            await().atMost(Duration.ofMinutes(2))
                    .ignoreExceptions()
                    .until(() -> host.run("bash", "-c", "exec 3<>" + address).isEmpty());
            long start = System.nanoTime();
            host.run("bash", "-c", "dd if=/dev/zero bs=1M count=32 status=none >" + address);
            assertThat(System.nanoTime() - start)
                    .as("32 MiB at 50 Mbit/s take 5 s, of which the socket's buffer hides a part")
                    .isGreaterThan(1_000_000_000L);
            host.link().unlimit();
            host.start(
                    Map.of(),
                    List.of("bash", "-c", "exec 3<>" + address + "; echo open; read -r <&3; echo ended"),
                    "reader.log");
            Path log = host.folder().resolve("reader.log");
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(
                            () -> assertThat(log).content().contains("open").doesNotContain("ended"));
            assertThat(host.link().reset(hosts.get(2))).isZero();
            assertThat(host.link().reset(peer)).isPositive();
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(() -> assertThat(log).content().contains("ended"));
            assertThat(host.link().reset(peer)).isZero();
        }
    }

    @Test
    void whatIsSentIsDelayed() throws IOException, InterruptedException {
        try (Hosts hosts = Hosts.start(FOLDER, List.of(HostSpec.unlimited(), HostSpec.unlimited()))) {
            Host host = hosts.get(0);
            try {
                host.link().delay(Duration.ofMillis(200));
            } catch (IOException e) {
                Assumptions.abort("skipped: this kernel does not delay packets: " + e.getMessage());
            }
            long start = System.nanoTime();
            assertThat(connect(host, hosts.get(1))).contains("refused");
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(200));
        }
    }

    private static void awaitAnswer(Host host, Host peer) {
        await().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(connect(host, peer)).contains("refused"));
    }

    /** Returns how an attempt to connect to a port ends at which nobody listens. */
    private static String connect(Host from, Host to) throws InterruptedException {
        try {
            return from.run("timeout", "3", "bash", "-c", "exec 3<>/dev/tcp/" + to.address() + "/9");
        } catch (IOException failed) {
            return String.valueOf(failed.getMessage());
        }
    }

    @Test
    void processesHaveTheirLimitsAndStopAndEnd() throws IOException, InterruptedException {
        HostSpec spec = HostSpec.unlimited().withUser(HostSpec.User.NOBODY).withOpenFiles(100);
        boolean isLimited = Hosts.missingMemoryLimits().isEmpty();
        if (isLimited) {
            spec = spec.withMemory(256 << 20);
        }
        try (Hosts hosts = Hosts.start(FOLDER, List.of(spec))) {
            Host host = hosts.get(0);
            Process shell = host.start(
                    Map.of("GREETING", "hello"),
                    List.of("sh", "-c", "echo $GREETING $(id -u) $(ulimit -n); cat /proc/self/cgroup; exec sleep 3600"),
                    "shell.log");
            await().atMost(Duration.ofMinutes(2))
                    .until(() -> !host.find("sleep 3600").isEmpty());
            assertThat(Files.readString(host.folder().resolve("shell.log")))
                    .startsWith("hello 65534 100\n")
                    .satisfies(
                            log -> assertThat(log.contains("mooncake-hosts-")).isEqualTo(isLimited));
            long pid = host.find("sleep 3600").get(0);
            host.freeze();
            assertThat(state(pid)).isEqualTo("T");
            host.resume();
            await().atMost(Duration.ofMinutes(2)).until(() -> state(pid).equals("S"));
            assertThat(host.isAlive(Namespaces.innerPid(pid))).isTrue();
            host.signal("KILL", Namespaces.innerPid(pid));
            assertThat(shell.waitFor()).isNotZero();
        }
    }

    private static String state(long pid) throws IOException {
        return Files.readString(Path.of("/proc", Long.toString(pid), "stat")).replaceAll(".*\\) (.).*\n", "$1");
    }

    /** SIGKILL leaves the program no time to clean up. */
    @Test
    void nothingOutlivesTheProgramThatStartedThem() throws IOException, InterruptedException {
        Process program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        HostsLeftAlone.class.getName(),
                        FOLDER.resolveSibling("hosts-left-alone").toString())
                .start();
        List<String> pids = new ArrayList<>();
        try (BufferedReader lines = program.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null && !line.equals("all"); line = lines.readLine()) {
                pids.add(line);
            }
            assertThat(pids)
                    .hasSize(2)
                    .allSatisfy(pid -> assertThat(Path.of("/proc", pid)).exists());
        } finally {
            program.destroyForcibly();
        }
        await().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(pids)
                        .allSatisfy(pid -> assertThat(Path.of("/proc", pid)).doesNotExist()));
    }
}
