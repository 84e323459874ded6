// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.plugin.memory.MemoryFacts.Executor;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MemoryPlanTest {
    private static final long MIB = 1L << 20;
    private static final OptionalLong AUTO = OptionalLong.empty();

    private static MemoryFacts facts(
            Executor process, long overheadMib, List<Ceiling> ceilings, long roomMib, int executors) {
        return new MemoryFacts(
                process,
                overheadMib < 0 ? OptionalLong.empty() : OptionalLong.of(overheadMib * MIB),
                ceilings,
                roomMib * MIB,
                executors);
    }

    private static Executor process(long heapMib, int tasks) {
        return new Executor(heapMib * MIB, heapMib * MIB, 200 * MIB, tasks, 80 * MIB);
    }

    private static Ceiling ceiling(String name, long totalMib, long usedMib) {
        return new Ceiling(name, totalMib * MIB, usedMib * MIB);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                // heap tasks overhead machine used cgroup room executors outputs; reason
                "8192 4 -1 262144 4096 0 120000 1 4096; half of the heap",
                "8192 4 -1 262144 4096 0 1024 1 1024; the size of spark.mooncake.memory.dir for one executor",
                "8192 4 -1 262144 4096 0 8000 4 2000; the size of spark.mooncake.memory.dir for 4 executors",
                "6144 2 -1 8192 900 0 4000 1 286; half of what the machine has left for one executor",
                "61440 4 -1 262144 4096 0 120000 16 9738; half of what the machine has left for 3 executors",
                "1024 2 -1 65536 4096 2048 60000 1 380; half of what the cgroup has left for one executor",
                "1024 2 -1 65536 4096 2048 60 1 60; the size of spark.mooncake.memory.dir for one executor",
                "4096 4 410 65536 4096 0 30000 8 102; half of the memory overhead less scratch",
                "4096 4 4096 65536 4096 0 30000 1 1888; half of the memory overhead less scratch",
                "4096 1 20 65536 4096 0 30000 1 2; half of the memory overhead less scratch",
                "4096 1 10 65536 4096 0 30000 1 0; half of the memory overhead less scratch",
                "8192 4 -1 8192 8000 0 30000 1 0; half of what the machine has left for one executor",
            })
    void outputsTakeTheLeastOfWhatThereIs(String numbers, String reason) {
        long[] row = Stream.of(numbers.split(" ")).mapToLong(Long::parseLong).toArray();
        Ceiling machine = ceiling("the machine", row[3], row[4]);
        List<Ceiling> ceilings = row[5] == 0 ? List.of(machine) : List.of(machine, ceiling("the cgroup", row[5], 200));
        MemoryFacts facts = facts(process(row[0], (int) row[1]), row[2], ceilings, row[6], (int) row[7]);
        MemoryPlan plan = MemoryPlan.of(facts, AUTO, AUTO);
        assertThat(plan.outputs().bytes() / MIB).isEqualTo(row[8]);
        assertThat(plan.outputs().reason()).isEqualTo(reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                // direct; tasks; overhead; scratch; reason
                "8192;  4;   -1;  320; what 4 tasks use at once",
                " 256;  4;   -1;  128; half of -XX:MaxDirectMemorySize",
                "8192;  8;  410;  205; half of the memory overhead",
                "  16;  1;   -1;   16; the least that tasks can work with",
            })
    void scratchIsWhatTasksUseWithinLimits(long direct, int tasks, long overhead, long scratch, String reason) {
        Executor process = new Executor(8192 * MIB, direct * MIB, 0, tasks, 80 * MIB);
        MemoryPlan plan = MemoryPlan.of(facts(process, overhead, List.of(), 1024, 1), AUTO, AUTO);
        assertThat(plan.scratch()).isEqualTo(new MemoryPlan.Share(scratch * MIB, reason));
    }

    @Test
    void whatIsSetIsTaken() {
        MemoryPlan plan = MemoryPlan.of(
                facts(process(1024, 4), 384, List.of(ceiling("the machine", 1024, 1000)), 10, 5),
                OptionalLong.of(7),
                OptionalLong.of(9));
        assertThat(plan)
                .isEqualTo(new MemoryPlan(new MemoryPlan.Share(7, "as set"), new MemoryPlan.Share(9, "as set")));
    }

    @Test
    void allExecutorsOfAHostFitTogether() {
        for (int executors = 1; executors <= 64; executors *= 2) {
            Executor process = process(262_144 / executors / 2, 2);
            MemoryPlan plan = MemoryPlan.of(
                    facts(process, -1, List.of(ceiling("the machine", 262_144, 4096)), 131_072, executors), AUTO, AUTO);
            long each = process.heapBytes()
                    + plan.outputs().bytes()
                    + plan.scratch().bytes();
            assertThat(executors * each / MIB).as("%d executors", executors).isLessThan(262_144 - 4096);
            assertThat(executors * plan.outputs().bytes() / MIB).isLessThanOrEqualTo(131_072);
        }
    }
}
