// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import java.util.List;
import java.util.OptionalLong;

/**
 * What decides how much memory an executor may take.
 *
 * @param executor the executor's own process
 * @param overheadBytes what the container has beside the heap, on YARN and Kubernetes
 * @param ceilings the machine and the cgroups that the process is in
 * @param sharedBytes the size of the memory file system less its head-room, whatever is used of it now
 * @param executorsOfHost how many executors share the machine and the file system, at most
 */
public record MemoryFacts(
        Executor executor, OptionalLong overheadBytes, List<Ceiling> ceilings, long sharedBytes, int executorsOfHost) {

    /**
     * An executor's process.
     *
     * @param heapBytes the most that its heap takes
     * @param directBytes {@code -XX:MaxDirectMemorySize}, or what the JVM uses without it
     * @param residentBytes what it holds now
     * @param tasks how many tasks run at once
     * @param taskBytes memory outside the heap that a task uses for blocks in transfer and for laying out its output
     */
    public record Executor(long heapBytes, long directBytes, long residentBytes, int tasks, long taskBytes) {}

    /** Copies the list. */
    public MemoryFacts {
        ceilings = List.copyOf(ceilings);
    }
}
