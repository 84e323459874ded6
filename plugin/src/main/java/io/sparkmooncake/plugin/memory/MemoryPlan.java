// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import io.sparkmooncake.plugin.memory.MemoryFacts.Executor;
import java.util.OptionalLong;

/**
 * How much memory outside the heap an executor takes.
 *
 * @param outputs for map outputs that peers of the host can map
 * @param scratch for blocks in transfer and for laying out map outputs
 */
public record MemoryPlan(Share outputs, Share scratch) {
    private static final long LEAST_SCRATCH_BYTES = 16L << 20;

    /** Of the heap: metaspace, code, stacks, buffers of the network and the collector. */
    private static final int JVM_SHARE = 10;

    /**
     * A limit and what it comes from.
     *
     * @param bytes the limit
     * @param reason what decided it, for the log
     */
    public record Share(long bytes, String reason) {
        private Share least(long otherBytes, String otherReason) {
            return otherBytes < bytes ? new Share(Math.max(0, otherBytes), otherReason) : this;
        }
    }

    /**
     * Decides.
     *
     * @param outputs {@code spark.mooncake.shuffle.memory}; empty for auto
     * @param scratch {@code spark.mooncake.shuffle.scratch}; empty for auto
     */
    public static MemoryPlan of(MemoryFacts facts, OptionalLong outputs, OptionalLong scratch) {
        Share scratchShare = scratch.isPresent() ? new Share(scratch.getAsLong(), "as set") : automaticScratch(facts);
        Share outputsShare = outputs.isPresent()
                ? new Share(outputs.getAsLong(), "as set")
                : automaticOutputs(facts, scratchShare.bytes);
        return new MemoryPlan(outputsShare, scratchShare);
    }

    private static Share automaticScratch(MemoryFacts facts) {
        Executor executor = facts.executor();
        Share share = new Share(
                        executor.tasks() * executor.taskBytes(), "what " + executor.tasks() + " tasks use at once")
                .least(executor.directBytes() / 2, "half of -XX:MaxDirectMemorySize");
        if (facts.overheadBytes().isPresent()) {
            share = share.least(facts.overheadBytes().getAsLong() / 2, "half of the memory overhead");
        }
        return share.bytes < LEAST_SCRATCH_BYTES
                ? new Share(LEAST_SCRATCH_BYTES, "the least that tasks can work with")
                : share;
    }

    private static Share automaticOutputs(MemoryFacts facts, long scratchBytes) {
        Executor executor = facts.executor();
        Share share = new Share(executor.heapBytes() / 2, "half of the heap");
        if (facts.overheadBytes().isPresent()) {
            share = share.least(
                    (facts.overheadBytes().getAsLong() - scratchBytes) / 2, "half of the memory overhead less scratch");
        }
        long wholeBytes = executor.heapBytes() + executor.heapBytes() / JVM_SHARE + scratchBytes;
        for (Ceiling ceiling : facts.ceilings()) {
            int executors = executorsUnder(ceiling.totalBytes(), facts, wholeBytes);
            long free = Math.min(
                    ceiling.totalBytes() - executors * wholeBytes,
                    ceiling.totalBytes() - ceiling.usedBytes() - Math.max(0, wholeBytes - executor.residentBytes()));
            share = share.least(
                    free / executors / 2, "half of what " + ceiling.name() + " has left for " + count(executors));
        }
        long hostBytes =
                facts.ceilings().stream().mapToLong(Ceiling::totalBytes).max().orElse(Long.MAX_VALUE);
        int executors = executorsUnder(hostBytes, facts, wholeBytes);
        return share.least(
                facts.sharedBytes() / executors, "the size of spark.mooncake.memory.dir for " + count(executors));
    }

    /** As many executors as there are cores for and as have room for their heaps. */
    private static int executorsUnder(long totalBytes, MemoryFacts facts, long wholeBytes) {
        return (int) Math.max(1, Math.min(facts.executorsOfHost(), totalBytes / wholeBytes));
    }

    private static String count(int executors) {
        return executors == 1 ? "one executor" : executors + " executors";
    }
}
