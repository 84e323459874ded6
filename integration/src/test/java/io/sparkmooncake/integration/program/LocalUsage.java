// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.integration.hosts.Processes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.ToLongFunction;

/**
 * Samples of what executors that are processes of the driver's machine use of memory, shared memory and disk.
 *
 * <p>Threading: any thread.
 */
final class LocalUsage {
    /** How many samples ago Spark may have removed a shuffle whose files are still there: executors keep them for a minute. */
    private static final int SAMPLES_OF_TRIMMING = 100;

    /** Bytes of the files of a folder, $1, those included that have no name and are open in one of the other folders. */
    private static final String FILES = """
            find "$@" \\( -type f -o -lname "$1/*" \\) -exec stat -Lc '%i %b' {} + 2>/dev/null |
            sort -u -k 1,1 | awk '{ blocks += $2 } END { printf "%.0f", 512 * blocks }'
            """;

    private final Facts facts;
    private final Collection<ExecutorProbe> executors;
    private final String localDirectory;

    @GuardedBy("this")
    private final List<Sample> samples = new ArrayList<>();

    /** Sums of all executors, and how many shuffles Spark knew. Resident bytes are those beside shared memory. */
    private record Sample(int shuffles, long residentBytes, long sharedBytes, long diskBytes) {}

    LocalUsage(Facts facts, Collection<ExecutorProbe> executors, String localDirectory) {
        this.facts = facts;
        this.executors = executors;
        this.localDirectory = localDirectory;
    }

    /** Takes a sample. */
    void sample() {
        int shuffles = Executors.tracker().shuffleStatuses().size();
        long residentBytes = executors.stream()
                .map(facts::memory)
                .mapToLong(memory ->
                        (Objects.requireNonNull(memory.get("RssAnon")) + Objects.requireNonNull(memory.get("RssFile")))
                                << 10)
                .sum();
        Sample sample = new Sample(shuffles, residentBytes, bytesIn("/dev/shm"), bytesIn(localDirectory));
        synchronized (this) {
            samples.add(sample);
        }
    }

    private long bytesIn(String folder) {
        List<String> words = new ArrayList<>(List.of("sh", "-c", FILES, "sh", folder));
        executors.forEach(executor -> words.add("/proc/" + executor.pid() + "/fd"));
        try {
            return Long.parseLong(Processes.run(words));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Tells the most that was used, how resident memory grew from the second to the last quarter, and what disk use exceeded. */
    synchronized void tell(long shuffleBytes) {
        int count = samples.size();
        facts.tell("samples", count);
        facts.tell("shuffles", most(samples, Sample::shuffles));
        facts.tell("shared", most(samples, Sample::sharedBytes));
        facts.tell("disk", most(samples, Sample::diskBytes));
        facts.tell("disk.beyond-live", beyondLive(shuffleBytes));
        facts.tell("resident", most(samples, Sample::residentBytes));
        facts.tell("resident.second-quarter", meanResident(samples.subList(count / 4, count / 2)));
        facts.tell("resident.last-quarter", meanResident(samples.subList(count * 3 / 4, count)));
    }

    private static long most(List<Sample> of, ToLongFunction<Sample> figure) {
        return of.stream().mapToLong(figure).max().orElseThrow();
    }

    private static long meanResident(List<Sample> of) {
        return (long) of.stream().mapToLong(Sample::residentBytes).average().orElseThrow();
    }

    @GuardedBy("this")
    private long beyondLive(long shuffleBytes) {
        long beyond = 0;
        for (int i = 0; i < samples.size(); i++) {
            List<Sample> recent = samples.subList(Math.max(0, i - SAMPLES_OF_TRIMMING), i + 1);
            beyond = Math.max(beyond, samples.get(i).diskBytes - most(recent, Sample::shuffles) * shuffleBytes);
        }
        return beyond;
    }
}
