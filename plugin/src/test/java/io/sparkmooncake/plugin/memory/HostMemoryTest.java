// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

final class HostMemoryTest {
    @TempDir
    Path root;

    private void file(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.resolveSibling("."));
        Files.writeString(file, text);
    }

    private List<Ceiling> ceilings() {
        return new HostMemory(root).ceilings();
    }

    private Ceiling cgroup(String path, long total, long used) {
        return new Ceiling("the cgroup " + root.resolve("sys/fs/cgroup").resolve(path), total, used);
    }

    @Test
    void readsTheMachine() throws IOException {
        file("proc/meminfo", "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:    400 kB\n");
        file("proc/self/status", "Name:\tjava\nVmRSS:\t  123 kB\n");
        assertThat(ceilings()).containsExactly(new Ceiling("the machine", 1000 << 10, 600 << 10));
        assertThat(new HostMemory(root).residentBytes()).isEqualTo(123 << 10);
    }

    @Test
    void readsEveryLimitOfVersionTwo() throws IOException {
        file("proc/self/cgroup", "0::/slice/executor/leaf\n");
        file("sys/fs/cgroup/slice/memory.max", "5000\n");
        file("sys/fs/cgroup/slice/memory.current", "4000\n");
        file("sys/fs/cgroup/slice/executor/memory.max", "3000\n");
        file("sys/fs/cgroup/slice/executor/memory.current", "2000\n");
        file("sys/fs/cgroup/slice/executor/memory.stat", "anon 700\nfile 1300\nshmem 500\n");
        file("sys/fs/cgroup/slice/executor/leaf/memory.max", "max\n");
        file("sys/fs/cgroup/slice/executor/leaf/memory.current", "10\n");
        assertThat(ceilings())
                .as("pages of files can be given back, shared memory cannot")
                .containsExactly(cgroup("slice/executor", 3000, 1200), cgroup("slice", 5000, 4000));
    }

    @Test
    void readsTheContainersOwnRootIfItsPathIsThatOfTheHost() throws IOException {
        file("proc/self/cgroup", "0::/kubepods/pod1/abc\n");
        file("sys/fs/cgroup/memory.max", "3000\n");
        file("sys/fs/cgroup/memory.current", "1000\n");
        assertThat(ceilings()).containsExactly(cgroup("", 3000, 1000));
    }

    @Test
    void readsVersionOne() throws IOException {
        file("proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n0::/docker/abc\n");
        file("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "3000\n");
        file("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "2500\n");
        file("sys/fs/cgroup/memory/docker/abc/memory.stat", "cache 1\ntotal_cache 900\ntotal_shmem 100\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        file("sys/fs/cgroup/memory/memory.usage_in_bytes", "7000\n");
        assertThat(ceilings()).containsExactly(cgroup("memory/docker/abc", 3000, 1700));
    }

    @Test
    void missingOrOddFilesSetNoLimit() throws IOException {
        assertThat(ceilings()).isEmpty();
        file("proc/self/cgroup", "0::/../../etc\nnonsense\n5:memory\n\n");
        file("proc/meminfo", "MemTotal: many\n");
        file("sys/fs/cgroup/memory.max", "99999999999999999999999999\n");
        assertThat(ceilings()).isEmpty();
        assertThat(new HostMemory(root).residentBytes()).isZero();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void readsThisMachine() {
        HostMemory here = new HostMemory(Path.of("/"));
        assertThat(here.residentBytes()).isPositive();
        assertThat(here.ceilings())
                .isNotEmpty()
                .allSatisfy(ceiling -> assertThat(ceiling.totalBytes()).isGreaterThan(ceiling.usedBytes()));
    }
}
