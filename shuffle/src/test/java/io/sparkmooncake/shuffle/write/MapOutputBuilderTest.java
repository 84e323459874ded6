// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.shuffle.store.Encoding;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.spark.SparkConf;
import org.apache.spark.memory.TaskMemoryManager;
import org.apache.spark.memory.UnifiedMemoryManager;
import org.apache.spark.security.CryptoStreamUtils;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.SerializerManager;
import org.apache.spark.unsafe.Platform;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import scala.Option;

/** From records to parts and back, with memory and private memory of any size. */
final class MapOutputBuilderTest {
    private static final int PARTITIONS = 40;
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @TempDir
    Path directory;

    private RegionPool memory = pool(0);
    private RegionPool files = pool(0);
    private RegionPool scratch = pool(0);
    private final WriteCounters counters = new WriteCounters();

    private static RegionPool pool(long bytes) {
        return RegionPool.privateMemory(new RegionPool.Limits(bytes, 1 << 20, MINUTE));
    }

    private WriteEnvironment environment(long memoryBytes, long scratchBytes, boolean encrypted) {
        RegionPool.Limits unlimited = new RegionPool.Limits(Long.MAX_VALUE / 2, 4 << 20, MINUTE);
        memory = RegionPool.sharedMemory(
                directory, new RegionPool.Limits(memoryBytes, 4 << 20, MINUTE), RegionListener.NONE);
        files = RegionPool.files(List.of(directory), unlimited, RegionListener.NONE);
        scratch = pool(scratchBytes);
        SparkConf conf = new SparkConf().set("spark.io.encryption.enabled", Boolean.toString(encrypted));
        Option<byte[]> key = encrypted ? Option.apply(CryptoStreamUtils.createKey(conf)) : Option.empty();
        BlockCodec codec = new BlockCodec(conf, new SerializerManager(new JavaSerializer(conf), conf, key));
        MapOutputStore store = new MapOutputStore(memory, files, MINUTE, System::nanoTime);
        return new WriteEnvironment(store, scratch, codec, 2 << 20, true, counters);
    }

    @AfterEach
    void everythingIsGivenBack() {
        Stream.of(memory, files, scratch).forEach(pool -> {
            assertThat(pool.usedBytes()).isZero();
            pool.close();
        });
    }

    /** Megabytes of memory and of private memory; none means that each window is the smallest one. */
    @ParameterizedTest
    @CsvSource({
        "64,64,PLAIN,PLAIN,false", "64,64,COMPRESSED,COMPRESSED,false", "64,64,PLAIN,PLAIN,true",
        "0,64,PLAIN,PLAIN,false", "0,64,PLAIN,COMPRESSED,false", "0,0,PLAIN,PLAIN,false",
        "0,0,COMPRESSED,COMPRESSED,true", "3,0,PLAIN,COMPRESSED,false", "3,2,COMPRESSED,COMPRESSED,false",
    })
    void everyBlockHoldsItsRecordsInOrder(
            int memoryMebibytes, int scratchMebibytes, Encoding inMemory, Encoding inFiles, boolean encrypted)
            throws IOException {
        WriteEnvironment environment = environment(
                Math.max(1 << 12, memoryMebibytes << 20), Math.max(1 << 12, scratchMebibytes << 20), encrypted);
        try (MapOutputStore store = environment.store()) {
            MapOutputBuilder builder = new MapOutputBuilder(environment, new Encodings(inMemory, inFiles));
            List<ByteArrayOutputStream> expected = Stream.generate(ByteArrayOutputStream::new)
                    .limit(PARTITIONS)
                    .toList();
            write(builder, expected, 9_000);
            MapOutput output = builder.finish(7);
            assertThat(encodings(output, false)).isSubsetOf(inMemory);
            assertThat(encodings(output, true)).isSubsetOf(inFiles);
            store.commit(1, output);
            check(environment, expected);
            assertThat(counters.diskBytes() > 0).isEqualTo(memoryMebibytes < 64);
        }
    }

    /** Returns how the blocks that begin in files, or in memory, are encoded. */
    private Set<Encoding> encodings(MapOutput output, boolean inFiles) throws IOException {
        Set<Encoding> found = EnumSet.noneOf(Encoding.class);
        int before = 0;
        for (Part part : output.parts()) {
            BlockIndex index = part.index();
            for (int i = 0; i < index.count(); i++) {
                if (before >= 0 && part.extent().isFrom(files) == inFiles) {
                    found.add(index.encoding(i));
                }
                before = index.word(i);
            }
        }
        return found;
    }

    /** The first runs fit into the memory, or even the first one does not, although a part of it would. */
    @ParameterizedTest
    @CsvSource({"3145728,true", "1500000,false"})
    void whatIsSpilledIsCompressedThoughMemoryHoldsPlainBlocks(int memoryBytes, boolean beginsInMemory)
            throws IOException {
        WriteEnvironment environment = environment(memoryBytes, 8 << 20, false);
        try (MapOutputStore store = environment.store()) {
            MapOutputBuilder builder =
                    new MapOutputBuilder(environment, new Encodings(Encoding.PLAIN, Encoding.COMPRESSED));
            List<ByteArrayOutputStream> expected = Stream.generate(ByteArrayOutputStream::new)
                    .limit(PARTITIONS)
                    .toList();
            write(builder, expected, 9_000);
            MapOutput output = builder.finish(7);
            assertThat(output.parts().get(0).extent().isFrom(files)).isNotEqualTo(beginsInMemory);
            assertThat(encodings(output, false)).isSubsetOf(Encoding.PLAIN);
            assertThat(encodings(output, true)).containsExactly(Encoding.COMPRESSED);
            store.commit(1, output);
            check(environment, expected);
        }
    }

    private static void write(MapOutputBuilder builder, List<ByteArrayOutputStream> expected, int records)
            throws IOException {
        TaskMemoryManager task = new TaskMemoryManager(new UnifiedMemoryManager(new SparkConf(), 64 << 20, 0, 1), 1);
        RecordLog log = new RecordLog(task, PARTITIONS, builder::addRun);
        Random random = new Random(records);
        for (int i = 0; i < records; i++) {
            byte[] record = new byte[i % 1_000 == 17 ? 900_000 : random.nextInt(300)];
            random.nextBytes(record);
            int partition = i % 1_000 == 17 ? 5 : random.nextInt(PARTITIONS - 1);
            log.begin(partition);
            log.append(record, Platform.BYTE_ARRAY_OFFSET, record.length);
            log.end();
            expected.get(partition).writeBytes(record);
            if (log.bytes() >= 2 << 20) {
                log.drain();
            }
        }
        log.drain();
        log.free();
        assertThat(task.cleanUpAllAllocatedMemory()).isZero();
    }

    private static void check(WriteEnvironment environment, List<ByteArrayOutputStream> expected) throws IOException {
        LeasedBlocks<HostRegion> found =
                environment.store().lookup("a", new LookupRequest(1, 0, PARTITIONS, new long[] {7}));
        BlockTable table = found.table();
        List<ByteArrayOutputStream> read =
                Stream.generate(ByteArrayOutputStream::new).limit(PARTITIONS).toList();
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        int first = 0;
        for (int row = 0; row < table.size(); row++) {
            ByteBuffer bytes = ByteBuffer.allocate((int) table.length(row));
            found.regions().get(table.region(row)).readFully(table.offset(row), bytes);
            bytes.flip();
            CRC32C crc = new CRC32C();
            crc.update(bytes.duplicate());
            assertThat(table.checksum(row)).isEqualTo((int) crc.getValue());
            byte[] copy = new byte[bytes.remaining()];
            bytes.get(copy);
            block.writeBytes(copy);
            if (!table.continued(row)) {
                read.get(table.partition(row))
                        .writeBytes(environment
                                .codec()
                                .decode(new ByteArrayInputStream(block.toByteArray()), table.encoding(first))
                                .readAllBytes());
                block.reset();
                first = row + 1;
            } else {
                assertThat(table.partition(row + 1)).isEqualTo(table.partition(row));
            }
        }
        environment.store().release("a", found.leaseId());
        for (int partition = 0; partition < PARTITIONS; partition++) {
            assertThat(read.get(partition).toByteArray())
                    .as("partition %d", partition)
                    .isEqualTo(expected.get(partition).toByteArray());
        }
    }

    @Test
    void anOutputWithoutRecordsHasNoPart() throws IOException {
        WriteEnvironment environment = environment(1 << 20, 1 << 20, false);
        MapOutputBuilder builder =
                new MapOutputBuilder(environment, new Encodings(Encoding.PLAIN, Encoding.COMPRESSED));
        write(builder, List.of(), 0);
        assertThat(builder.finish(7).parts()).isEmpty();
    }

    @Test
    void anAbortedOutputGivesEverythingBack() throws IOException {
        WriteEnvironment environment = environment(3 << 20, 1 << 20, false);
        MapOutputBuilder builder =
                new MapOutputBuilder(environment, new Encodings(Encoding.PLAIN, Encoding.COMPRESSED));
        write(
                builder,
                Stream.generate(ByteArrayOutputStream::new).limit(PARTITIONS).toList(),
                5_000);
        assertThat(memory.usedBytes()).isPositive();
        assertThat(files.usedBytes()).isPositive();
        builder.abort();
    }

    @Test
    void aBlockGoesOnInTheNextPartAndPartitionsAscend() throws IOException {
        WriteEnvironment environment = environment(64 << 20, 1 << 20, false);
        PartStream stream = new PartStream(environment, PartSink.Place.MEMORY, PartStream.FIRST_PART_BYTES);
        byte[] bytes = new byte[700_000];
        List<Integer> rows = new ArrayList<>();
        for (int partition : new int[] {3, 4, 9}) {
            stream.begin(partition, Encoding.PLAIN);
            stream.write(bytes, 0, bytes.length);
            stream.write(1);
        }
        assertThatThrownBy(() -> stream.begin(9, Encoding.PLAIN))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("partition=9 after partition=9");
        MapOutputBuilder builder = new MapOutputBuilder(environment, new Encodings(Encoding.PLAIN, Encoding.PLAIN));
        builder.addParts(stream.finish());
        MapOutput output = builder.finish(1);
        for (Part part : output.parts()) {
            BlockIndex index = part.index();
            for (int i = 0; i < index.count(); i++) {
                rows.add(index.word(i) < 0 ? -index.partition(i) : index.partition(i));
            }
        }
        assertThat(rows).containsExactly(3, -4, 4, 9);
        assertThat(output.partitionLengths(10)[4]).isEqualTo(700_001);
        output.free();

        PartStream aborted = new PartStream(environment, PartSink.Place.MEMORY, PartStream.FIRST_PART_BYTES);
        aborted.begin(0, Encoding.PLAIN);
        aborted.write(new byte[3 << 20], 0, 3 << 20);
        aborted.abort();
    }
}
