// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * What a process and the calling thread hold, or what they took between two moments.
 *
 * @param allocatedBytes by this thread
 * @param heapBytes that are reachable
 * @param residentBytes of the process
 * @param threads of Java
 * @param descriptors that are open
 */
public record Footprint(long allocatedBytes, long heapBytes, long residentBytes, long threads, long descriptors) {

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Takes the footprint after a collection of the heap. */
    public static Footprint now() throws IOException {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        long resident = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                .sum();
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return new Footprint(
                    allocatedHere(),
                    runtime.totalMemory() - runtime.freeMemory(),
                    resident,
                    THREADS.getThreadCount(),
                    open.count());
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** Returns what this thread has allocated so far. */
    static long allocatedHere() {
        return THREADS.getCurrentThreadAllocatedBytes();
    }

    Footprint withAllocated(long bytes) {
        return new Footprint(bytes, heapBytes, residentBytes, threads, descriptors);
    }

    public Footprint since(Footprint before) {
        return new Footprint(
                allocatedBytes - before.allocatedBytes,
                heapBytes - before.heapBytes,
                residentBytes - before.residentBytes,
                threads - before.threads,
                descriptors - before.descriptors);
    }

    String encode() {
        return allocatedBytes + " " + heapBytes + " " + residentBytes + " " + threads + " " + descriptors;
    }

    public static Footprint decode(String text) {
        long[] numbers =
                Arrays.stream(text.split(" ", -1)).mapToLong(Long::parseLong).toArray();
        return new Footprint(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
    }
}
