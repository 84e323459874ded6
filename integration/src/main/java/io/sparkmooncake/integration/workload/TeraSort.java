// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;

/**
 * Sorts 100-byte records by their 10-byte key, and checks the order, the count and every byte.
 *
 * <p>The keys are uniform, so the range partitioner needs no sampling job.
 */
final class TeraSort implements Workload {
    private static final int RECORD_BYTES = 100;
    private static final int KEY_BYTES = 10;

    private final long records;
    private final int maps;
    private final int partitions;
    private final long seed;

    TeraSort(Arguments arguments) {
        this.records = arguments.bytes("size", "1g") / RECORD_BYTES;
        this.maps = arguments.count("maps", 8);
        this.partitions = arguments.count("partitions", 200);
        this.seed = arguments.number("seed", 42);
    }

    @Override
    public Digest run(SparkSession spark) {
        List<SortedPart> parts = generate(spark)
                .repartitionAndSortWithinPartitions(new KeyRanges(partitions), new UnsignedOrder())
                .mapPartitions(sorted -> List.of(SortedPart.of(sorted)).iterator())
                .collect();
        return SortedPart.join(parts);
    }

    @Override
    public Digest expected(SparkSession spark) {
        return generate(spark)
                .mapPartitions(
                        unsorted -> List.of(SortedPart.of(unsorted).digest()).iterator())
                .reduce(Digest::plus);
    }

    private JavaPairRDD<byte[], byte[]> generate(SparkSession spark) {
        long recordsPerMap = (records + maps - 1) / maps;
        long all = records;
        long fixedSeed = seed;
        return JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(IntStream.range(0, maps).boxed().toList(), maps)
                .mapPartitionsToPair(maps -> {
                    long from = maps.next() * recordsPerMap;
                    return LongStream.range(from, Math.min(all, from + recordsPerMap))
                            .mapToObj(index -> record(fixedSeed, index))
                            .iterator();
                });
    }

    private static Tuple2<byte[], byte[]> record(long seed, long index) {
        byte[] key = new byte[KEY_BYTES];
        long random = RowHash.random(seed, index);
        RowHash.putLong(key, 0, random);
        key[8] = (byte) index;
        key[9] = (byte) (index >>> 8);
        byte[] value = RandomBytes.copy(RECORD_BYTES - KEY_BYTES, random);
        RowHash.putLong(value, 0, index);
        return new Tuple2<>(key, value);
    }

    /** Splits the key space evenly by the first four bytes of a key. */
    private static final class KeyRanges extends Partitioner {
        private static final long serialVersionUID = 1;
        private final int partitions;

        KeyRanges(int partitions) {
            this.partitions = partitions;
        }

        @Override
        public int numPartitions() {
            return partitions;
        }

        @Override
        public int getPartition(Object key) {
            long prefix = Integer.toUnsignedLong(ByteBuffer.wrap((byte[]) key).getInt());
            return (int) ((prefix * partitions) >>> 32);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof KeyRanges ranges && ranges.partitions == partitions;
        }

        @Override
        public int hashCode() {
            return partitions;
        }
    }

    private static final class UnsignedOrder implements Comparator<byte[]>, Serializable {
        private static final long serialVersionUID = 1;

        @Override
        public int compare(byte[] left, byte[] right) {
            return Arrays.compareUnsigned(left, right);
        }
    }

    /** One partition of the result: its digest, whether it is in order, and its outermost keys in hex (empty: no record). */
    @DefaultSerializer(JavaSerializer.class)
    private record SortedPart(Digest digest, boolean ordered, String firstKey, String lastKey) implements Serializable {

        static SortedPart of(Iterator<Tuple2<byte[], byte[]>> records) {
            byte[] first = {};
            byte[] last = {};
            boolean ordered = true;
            long rows = 0;
            long hash = 0;
            while (records.hasNext()) {
                Tuple2<byte[], byte[]> next = records.next();
                first = rows == 0 ? next._1() : first;
                ordered &= Arrays.compareUnsigned(last, next._1()) <= 0;
                last = next._1();
                hash += RowHash.hash(RowHash.hash(0, next._1()), next._2());
                rows++;
            }
            HexFormat hex = HexFormat.of();
            return new SortedPart(new Digest(rows, hash, 0), ordered, hex.formatHex(first), hex.formatHex(last));
        }

        static Digest join(List<SortedPart> parts) {
            Digest digest = new Digest(0, 0, 0);
            String last = "";
            for (SortedPart part : parts) {
                if (!part.ordered || (part.digest.rows() > 0 && last.compareTo(part.firstKey) > 0)) {
                    throw new IllegalStateException(
                            "terasort: the result is out of order after " + digest.rows() + " records");
                }
                last = part.digest.rows() > 0 ? part.lastKey : last;
                digest = digest.plus(part.digest);
            }
            return digest;
        }
    }
}
