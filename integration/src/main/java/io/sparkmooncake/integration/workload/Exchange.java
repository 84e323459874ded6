// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.execution.QueryExecution;
import org.apache.spark.sql.functions;
import org.apache.spark.unsafe.Platform;

/**
 * A SQL repartition of incompressible binary rows and nothing else: a source that is nearly free, and a sink that only
 * walks the rows.
 */
final class Exchange implements Workload {
    private final long rows;
    private final int payloadBytes;
    private final int maps;
    private final int partitions;

    Exchange(Arguments arguments) {
        this.rows = arguments.number("rows", 10_000_000);
        this.payloadBytes = arguments.count("payload", 100);
        this.maps = arguments.count("maps", 8);
        this.partitions = arguments.count("partitions", 200);
    }

    @Override
    public Digest run(SparkSession spark) {
        return walk(source(spark).repartition(partitions, functions.col("id")));
    }

    @Override
    public Digest expected(SparkSession spark) {
        return walk(source(spark));
    }

    /** The same source and sink with no exchange between: what of a run is not the exchange. */
    Workload withoutExchange() {
        return spark -> walk(source(spark));
    }

    private Dataset<Row> source(SparkSession spark) {
        return RandomRows.read(spark, rows, payloadBytes, maps);
    }

    private static Digest walk(Dataset<Row> dataset) {
        JavaRDD<InternalRow> rows = execution(dataset).toRdd().toJavaRDD();
        return rows.mapPartitions(partition -> List.of(digest(partition)).iterator())
                .reduce(Digest::plus);
    }

    private static Digest digest(Iterator<InternalRow> partition) {
        long rows = 0;
        long hash = 0;
        while (partition.hasNext()) {
            UnsafeRow row = (UnsafeRow) partition.next();
            long rowHash = 0;
            long end = row.getBaseOffset() + row.getSizeInBytes();
            for (long at = row.getBaseOffset(); at < end; at += Long.BYTES) {
                rowHash = RowHash.add(rowHash, Platform.getLong(row.getBaseObject(), at));
            }
            hash += RowHash.mix(rowHash);
            rows++;
        }
        return new Digest(rows, hash, 0);
    }

    /** {@code Dataset.queryExecution()}: Spark 4 moved it to a subclass, so that no one call binds on 3.5 and on 4. */
    private static QueryExecution execution(Dataset<Row> dataset) {
        try {
            return (QueryExecution)
                    dataset.getClass().getMethod("queryExecution").invoke(dataset);
        } catch (ReflectiveOperationException missing) {
            throw new IllegalStateException(dataset.getClass() + " has no queryExecution()", missing);
        }
    }
}
