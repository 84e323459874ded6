// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;

/**
 * Micro figure: shm READs of another process's region against plain copies between two direct buffers, in turns in one run.
 *
 * <pre>java -cp transfer/target/test-classes:... io.sparkmooncake.transfer.shm.ShmReadSpeed</pre>
 */
public final class ShmReadSpeed {
    private static final int SOURCE_BYTES = 256 << 20;
    private static final int TARGET_BYTES = 64 << 20;
    private static final int ROUNDS = 21;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final Link link;
    private final RegionDescriptor source;
    private final HostRegion target;
    private final ByteBuffer plainSource = ByteBuffer.allocateDirect(SOURCE_BYTES);
    private final ByteBuffer plainTarget = ByteBuffer.allocateDirect(TARGET_BYTES);

    private ShmReadSpeed(Link link, RegionDescriptor source, HostRegion target) {
        this.link = link;
        this.source = source;
        this.target = target;
    }

    /** Runs it; prints one line per block size. */
    public static void main(String[] args) throws Exception {
        HostRegion target = Regions.create(ContractBench.DIR, TARGET_BYTES, Location.ANY);
        try (OwnerProcess owner = OwnerProcess.start(ShmFixture.class, "owner", ContractBench.DIR);
                ShmTransport transport = ShmTransport.start(ShmFixture.SETTINGS)) {
            PeerRecord peer = owner.record();
            try (Link link = transport.link(peer).get().fold(reached -> reached, reason -> {
                throw new IllegalStateException(reason);
            })) {
                ShmReadSpeed speed = new ShmReadSpeed(link, owner.create(SOURCE_BYTES, 1), target);
                for (int blockBytes : new int[] {1 << 20, 64 << 10, 4 << 10, 256}) {
                    speed.compare(blockBytes);
                }
            }
        } finally {
            target.release();
        }
    }

    private void compare(int blockBytes) throws Exception {
        int blocks = Math.min(100_000, SOURCE_BYTES / blockBytes);
        double[] shm = new double[ROUNDS];
        double[] plain = new double[ROUNDS];
        for (int round = -5; round < ROUNDS; round++) {
            double shmNanos = read(blocks, blockBytes);
            double plainNanos = copy(blocks, blockBytes);
            if (round >= 0) {
                shm[round] = shmNanos / blocks;
                plain[round] = plainNanos / blocks;
            }
        }
        Arrays.sort(shm);
        Arrays.sort(plain);
        double shmMedian = shm[ROUNDS / 2];
        double plainMedian = plain[ROUNDS / 2];
        System.out.printf(
                "block=%d shm=%.0f ns (%.2f GB/s) plain=%.0f ns (%.2f GB/s) shm/plain=%.0f %% (medians of %d)%n",
                blockBytes,
                shmMedian,
                blockBytes / shmMedian,
                plainMedian,
                blockBytes / plainMedian,
                100 * plainMedian / shmMedian,
                ROUNDS);
    }

    /** The blocks of one batch are in random order, as those of a shuffle are; filling the batch is not counted. */
    private long read(int blocks, int blockBytes) throws Exception {
        TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
        for (int i = 0; i < blocks; i++) {
            batch.add(target, targetOffset(i, blockBytes), source, sourceOffset(i, blocks, blockBytes), blockBytes);
        }
        batch.begin();
        long start = System.nanoTime();
        link.submit(batch);
        long nanos = System.nanoTime() - start;
        batch.firstFailure().ifPresent(failure -> {
            throw new IllegalStateException(failure);
        });
        return nanos;
    }

    private long copy(int blocks, int blockBytes) {
        long start = System.nanoTime();
        for (int i = 0; i < blocks; i++) {
            plainTarget.put(targetOffset(i, blockBytes), plainSource, sourceOffset(i, blocks, blockBytes), blockBytes);
        }
        return System.nanoTime() - start;
    }

    private static int targetOffset(int index, int blockBytes) {
        return (int) ((long) index * blockBytes % TARGET_BYTES);
    }

    private static int sourceOffset(int index, int blocks, int blockBytes) {
        return (int) (index * 7919L % blocks * blockBytes);
    }
}
