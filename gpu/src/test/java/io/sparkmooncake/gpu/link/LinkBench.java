// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static io.sparkmooncake.transfer.testing.ContractBench.completed;
import static io.sparkmooncake.transfer.testing.ContractBench.submit;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** Time of batches on the host's clock, from submission to completion, medians; and what that is in GB/s. */
final class LinkBench {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final long GIB = 1L << 30;

    private final LinkChecks checks;

    LinkBench(LinkChecks checks) {
        this.checks = checks;
    }

    void run() throws Exception {
        Map<String, DeviceFixture> ways = new TreeMap<>();
        ways.put("nvlink, legacy IPC", new DeviceFixture.Plain());
        ways.put("nvlink, POSIX_FD", new DeviceFixture.Virtual());
        ways.put("staged over shm", new StagedFixture());
        ways.put("staged over tcp", new StagedFixture.OverTcp());
        checks.say("| path | batch | READ, us | GB/s | WRITE, us | GB/s |");
        checks.say("|---|---|---|---|---|---|");
        for (Map.Entry<String, DeviceFixture> way : ways.entrySet()) {
            boolean staged = way.getKey().startsWith("staged");
            try (ContractBench bench = new ContractBench(way.getValue())) {
                OwnerProcess owner = bench.owner("owner");
                long most = staged ? GIB / 16 : GIB;
                RegionDescriptor remote = owner.create(most);
                Link link = bench.link(owner.record());
                MemoryRegion local = bench.local(most);
                for (long bytes = 4096; bytes <= most; bytes *= 16) {
                    row(way.getKey(), link, local, remote, 1, bytes);
                }
                row(way.getKey(), link, local, remote, 1, most);
                row(way.getKey(), link, local, remote, 4_096, 4_096);
                if (!staged) {
                    row(way.getKey(), link, local, remote, 65_536, 4_096);
                    HostRegion host = Regions.create(ContractBench.DIR, GIB / 16, Location.ANY);
                    row(way.getKey() + ", local host", link, host, remote, 1, GIB / 16);
                    link.close();
                    host.release();
                }
            }
        }
    }

    private void row(String way, Link link, MemoryRegion local, RegionDescriptor remote, int blocks, long bytes)
            throws Exception {
        double read = micros(Opcode.READ, link, local, remote, blocks, bytes);
        double write = micros(Opcode.WRITE, link, local, remote, blocks, bytes);
        double total = (double) blocks * bytes;
        String batch = blocks == 1 ? size(bytes) : blocks + " blocks of " + size(bytes) + ", random order";
        checks.say(
                "| %s | %s | %.1f | %.1f | %.1f | %.1f |",
                way, batch, read, total / read / 1000, write, total / write / 1000);
    }

    private static String size(long bytes) {
        if (bytes >= GIB) {
            return bytes / GIB + " GiB";
        }
        return bytes >= 1 << 20 ? (bytes >> 20) + " MiB" : (bytes >> 10) + " KiB";
    }

    private static double micros(
            Opcode opcode, Link link, MemoryRegion local, RegionDescriptor remote, int blocks, long bytes)
            throws Exception {
        long total = blocks * bytes;
        int rounds = total >= GIB / 16 ? 5 : 21;
        double[] times = new double[rounds];
        for (int round = -2; round < rounds; round++) {
            TransferBatch batch = new TransferBatch(opcode, TIMEOUT);
            SplittableRandom random = new SplittableRandom(7);
            long places = local.sizeBytes() / bytes;
            for (int i = 0; i < blocks; i++) {
                long at = blocks == 1 ? 0 : random.nextLong(places) * bytes;
                batch.add(local, i * bytes, remote, at, bytes);
            }
            long begin = System.nanoTime();
            submit(link, batch);
            if (round >= 0) {
                times[round] = (System.nanoTime() - begin) / 1000.0;
            }
            completed(batch);
        }
        Arrays.sort(times);
        return times[rounds / 2];
    }
}
