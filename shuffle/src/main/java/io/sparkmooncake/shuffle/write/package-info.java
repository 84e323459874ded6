// SPDX-License-Identifier: Apache-2.0
/**
 * From records to committed map outputs.
 *
 * <p>{@link io.sparkmooncake.shuffle.write.SerializedWriter} is the common path: records are serialized once into a
 * {@code RecordLog} of task memory, and each full log is laid out by partition with one copy per record (a counting
 * scatter: no sort, no pointer array, no file). {@link io.sparkmooncake.shuffle.write.SortedWriter} goes through Spark's
 * ExternalSorter where the map side combines, or where the serializer's records cannot be moved.
 *
 * <p>Threading: a writer belongs to its task's thread.
 */
@NullMarked
package io.sparkmooncake.shuffle.write;

import org.jspecify.annotations.NullMarked;
