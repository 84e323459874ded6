// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskContextImpl;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.memory.TaskMemoryManager;
import org.apache.spark.memory.UnifiedMemoryManager;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.util.SizeEstimator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import scala.Product2;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

final class RunSorterTest {
    private static final long TASK_BYTES = 24 << 20;
    private static final int VALUE_BYTES = 10_000;

    private final TaskMemoryManager memory =
            new TaskMemoryManager(new UnifiedMemoryManager(new SparkConf(), TASK_BYTES, 0, 1), 1);

    /** However few bytes the records took on their way here. */
    @Test
    void aRunHoldsNoMoreThanTheTaskHasMemory() {
        int all = 8_000;
        Random random = new Random(3);
        Iterator<Tuple2<Object, Object>> records =
                records(all, n -> new Tuple2<>(random.nextInt(1_000_000), new byte[VALUE_BYTES]));
        List<Integer> runs = new ArrayList<>();
        try (RunSorter<Integer, byte[]> sorter = sorter(records)) {
            sorter.sorted(sortedRuns -> {
                int length = 0;
                int last = Integer.MIN_VALUE;
                while (sortedRuns.hasNext()) {
                    int key = sortedRuns.next()._1();
                    if (key < last) {
                        runs.add(length);
                        length = 0;
                    }
                    last = key;
                    length++;
                }
                runs.add(length);
                return CollectionConverters.asScala(
                        List.<Product2<Integer, byte[]>>of().iterator());
            });
            assertThat(sorter.getUsed()).isZero();
        }
        assertThat(runs.stream().mapToInt(Integer::intValue).sum()).isEqualTo(all);
        assertThat(runs)
                .allSatisfy(length -> assertThat((long) length * VALUE_BYTES).isLessThan(TASK_BYTES * 5 / 4));
        assertThat(runs.get(0)).as("a run uses what there is").isGreaterThan((int) (TASK_BYTES / 2 / VALUE_BYTES));
        assertThat(memory.cleanUpAllAllocatedMemory()).isZero();
    }

    @Test
    void whatFitsStaysInOrderAndIsGivenBackAtItsEnd() {
        Random random = new Random(4);
        try (RunSorter<Integer, byte[]> sorter =
                sorter(records(500, n -> new Tuple2<>(random.nextInt(100), new byte[n])))) {
            Iterator<Product2<Integer, byte[]>> sorted = sorter.sorted(runs -> {
                throw new AssertionError("all of it fits");
            });
            int last = -1;
            int lastLength = -1;
            int count = 0;
            while (sorted.hasNext()) {
                Product2<Integer, byte[]> record = sorted.next();
                assertThat(record._1()).isGreaterThanOrEqualTo(last);
                assertThat(record._1() > last || record._2().length > lastLength)
                        .as("records of one key stay in the order in which they came")
                        .isTrue();
                last = record._1();
                lastLength = record._2().length;
                count++;
            }
            assertThat(count).isEqualTo(500);
            assertThat(sorter.getUsed()).isZero();
        }
        assertThat(memory.cleanUpAllAllocatedMemory()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {50, 5_000})
    void anEstimateIsCloseWhateverThePatternOfSizes(int count) {
        SampledSize size = new SampledSize();
        Object[] values = new Object[count];
        for (int i = 0; i < count; i++) {
            values[i] = new byte[i % 16 == 0 ? 4_000 : 40];
            size.add(i, values[i]);
        }
        double exact = 0;
        for (Object value : values) {
            exact += SizeEstimator.estimate(value) + SizeEstimator.estimate(count);
        }
        assertThat(size.bytes() / exact).isBetween(0.6, 1.6);
        size.reset();
        assertThat(size.bytes()).isZero();
        size.add(null, null);
        assertThat(size.bytes()).isZero();
    }

    private static Iterator<Tuple2<Object, Object>> records(
            int count, java.util.function.IntFunction<Tuple2<Object, Object>> record) {
        return CollectionConverters.asScala(
                IntStream.range(0, count).mapToObj(record).iterator());
    }

    private RunSorter<Integer, byte[]> sorter(Iterator<Tuple2<Object, Object>> records) {
        SparkConf conf = new SparkConf();
        TaskContext context = new TaskContextImpl(
                0, 0, 0, 1L, 0, 1, memory, new Properties(), null, new TaskMetrics(), 1, emptyResources());
        return new RunSorter<>(context, records, new JavaSerializer(conf), Comparator.<Integer>naturalOrder());
    }

    private static scala.collection.immutable.Map<String, org.apache.spark.resource.ResourceInformation>
            emptyResources() {
        return scala.collection.immutable.Map$.MODULE$.empty();
    }
}
