// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.connector.catalog.Column;
import org.apache.spark.sql.connector.catalog.SupportsRead;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableProvider;
import org.apache.spark.sql.connector.expressions.Transform;
import org.apache.spark.sql.connector.read.Batch;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReader;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;
import org.apache.spark.sql.connector.read.Scan;
import org.apache.spark.sql.connector.read.ScanBuilder;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * A data source of {@code (id BIGINT, payload BINARY)} rows that cost nearly nothing: the payloads are incompressible,
 * made once per task and used again and again.
 */
public final class RandomRows implements TableProvider {
    private static final StructType SCHEMA =
            new StructType().add("id", DataTypes.LongType, false).add("payload", DataTypes.BinaryType, false);
    private static final int POOLED_PAYLOADS = 1 << 16;

    /** For Spark, which finds the source by its class name. */
    public RandomRows() {}

    /** {@code rows} rows of {@code payloadBytes} each, produced by {@code maps} tasks. */
    static Dataset<Row> read(SparkSession spark, long rows, int payloadBytes, int maps) {
        return spark.read()
                .format(RandomRows.class.getName())
                .option("rows", rows)
                .option("payloadBytes", payloadBytes)
                .option("maps", maps)
                .load();
    }

    @Override
    public StructType inferSchema(CaseInsensitiveStringMap options) {
        return SCHEMA;
    }

    @Override
    public Table getTable(StructType schema, Transform[] partitioning, Map<String, String> properties) {
        return new RowTable();
    }

    private record RowTable() implements Table, SupportsRead {
        @Override
        public Column[] columns() {
            return Arrays.stream(SCHEMA.fields())
                    .map(field -> Column.create(field.name(), field.dataType(), field.nullable()))
                    .toArray(Column[]::new);
        }

        @Override
        public String name() {
            return "random rows";
        }

        @Override
        public Set<TableCapability> capabilities() {
            return Set.of(TableCapability.BATCH_READ);
        }

        @Override
        public ScanBuilder newScanBuilder(CaseInsensitiveStringMap options) {
            return () -> new RowScan(
                    options.getLong("rows", 0), options.getInt("payloadBytes", 0), options.getInt("maps", 1));
        }
    }

    private record RowScan(long rows, int payloadBytes, int maps) implements Scan, Batch {
        @Override
        public StructType readSchema() {
            return SCHEMA;
        }

        @Override
        public Batch toBatch() {
            return this;
        }

        @Override
        public InputPartition[] planInputPartitions() {
            return IntStream.range(0, maps)
                    .mapToObj(map -> new RowRange(rows * map / maps, rows * (map + 1) / maps, payloadBytes))
                    .toArray(InputPartition[]::new);
        }

        @Override
        public PartitionReaderFactory createReaderFactory() {
            return new ReaderFactory();
        }
    }

    private record RowRange(long fromId, long toId, int payloadBytes) implements InputPartition {}

    private record ReaderFactory() implements PartitionReaderFactory, Serializable {
        @Override
        public PartitionReader<InternalRow> createReader(InputPartition partition) {
            return new RowReader((RowRange) partition);
        }
    }

    /** Gives the same row object again and again; the projection that Spark puts above a source copies out of it. */
    private static final class RowReader implements PartitionReader<InternalRow> {
        private final byte[][] payloads;
        private final InternalRow row = new GenericInternalRow(2);
        private final long toId;
        private long nextId;

        RowReader(RowRange range) {
            this.nextId = range.fromId;
            this.toId = range.toId;
            int pooled = (int) Math.max(1, Math.min(POOLED_PAYLOADS, toId - nextId));
            this.payloads = IntStream.range(0, pooled)
                    .mapToObj(index -> RandomBytes.copy(range.payloadBytes, index))
                    .toArray(byte[][]::new);
        }

        @Override
        public boolean next() {
            if (nextId == toId) {
                return false;
            }
            row.update(0, nextId);
            row.update(1, payloads[(int) (nextId % payloads.length)]);
            nextId++;
            return true;
        }

        @Override
        public InternalRow get() {
            return row;
        }

        @Override
        public void close() {}
    }
}
