// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;
import org.apache.spark.Aggregator;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.scheduler.MapStatus$;
import org.apache.spark.shuffle.FetchFailedException;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.BlockStatus;
import org.apache.spark.util.collection.ExternalSorter;
import org.apache.spark.util.collection.KVArraySortDataFormat;
import org.apache.spark.util.collection.Sorter;
import org.jspecify.annotations.Nullable;
import scala.Option;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * Calls whose shape depends on Spark's version. Compiled against 4.1; calls of an older shape go through method handles that
 * are looked up only there.
 */
public final class SparkInternals {
    private static final boolean ROW_CHECKSUMS = hasRowChecksums();

    private SparkInternals() {}

    private static boolean hasRowChecksums() {
        return Arrays.stream(ShuffleDependency.class.getMethods())
                .anyMatch(method -> method.getName().equals("rowBasedChecksums"));
    }

    /** Returns the class tag of any object, for Spark's serializers. */
    public static ClassTag<Object> anyTag() {
        return ClassTag$.MODULE$.Object();
    }

    /**
     * Creates what a map task reports.
     *
     * @param rowChecksum order-independent checksum of the rows; Spark before 4.1 has no place for it
     */
    public static MapStatus mapStatus(BlockManagerId location, long[] lengths, long mapId, long rowChecksum) {
        if (ROW_CHECKSUMS) {
            return MapStatus$.MODULE$.apply(location, lengths, mapId, rowChecksum);
        }
        return (MapStatus) invoke(Before41.MAP_STATUS, MapStatus$.MODULE$, location, lengths, mapId);
    }

    /** Returns the row checksums of a dependency: those of Spark from 4.1 on, where they are switched on. */
    public static RowChecksums rowChecksums(ShuffleDependency<?, ?, ?> dependency) {
        return ROW_CHECKSUMS ? SparkRowChecksums.of(dependency) : RowChecksums.NONE;
    }

    /** Creates the sorter of a map task: combining where the dependency combines, else by partition only. */
    public static <K, V> ExternalSorter<K, V, ?> mapSideSorter(
            TaskContext context, ShuffleDependency<K, V, ?> dependency) {
        boolean combine = dependency.mapSideCombine();
        Option<?> aggregator = combine ? dependency.aggregator() : Option.empty();
        Option<?> ordering = combine ? dependency.keyOrdering() : Option.empty();
        Option<?> partitioner = Option.apply(dependency.partitioner());
        Object checksums = ROW_CHECKSUMS ? SparkRowChecksums.arrayOf(dependency) : null;
        return sorter(context, aggregator, partitioner, ordering, dependency, checksums);
    }

    /** Creates the sorter of a reduce task. */
    public static <K, V, C> ExternalSorter<K, V, C> reduceSideSorter(
            TaskContext context, Option<Aggregator<K, V, C>> aggregator, ShuffleDependency<K, ?, C> dependency) {
        Object checksums = ROW_CHECKSUMS ? SparkRowChecksums.none() : null;
        return sorter(context, aggregator, Option.empty(), dependency.keyOrdering(), dependency, checksums);
    }

    @SuppressWarnings("unchecked")
    private static <K, V, C> ExternalSorter<K, V, C> sorter(
            TaskContext context,
            Option<?> aggregator,
            Option<?> partitioner,
            Option<?> ordering,
            ShuffleDependency<?, ?, ?> dependency,
            @Nullable Object checksums) {
        if (checksums != null) {
            return (ExternalSorter<K, V, C>) SparkRowChecksums.newSorter(
                    context, aggregator, partitioner, ordering, dependency.serializer(), checksums);
        }
        return (ExternalSorter<K, V, C>)
                invoke(Before41.SORTER, context, aggregator, partitioner, ordering, dependency.serializer());
    }

    /** Sorts {@code count} pairs of key and value that lie one after another; stable. */
    @SuppressWarnings("unchecked")
    public static <K> void sortPairs(Object[] pairs, int count, Comparator<K> order) {
        ClassTag<Object> anyReference = (ClassTag<Object>) (ClassTag<?>) ClassTag$.MODULE$.AnyRef();
        new Sorter<>(new KVArraySortDataFormat<K, Object>(anyReference)).sort(pairs, 0, count, order);
    }

    /**
     * Throws a fetch failure from places that declare no checked exception. Its constructor tells the task at once, so
     * create it only here.
     */
    public static RuntimeException fetchFailed(
            BlockManagerId address, int shuffleId, FailedBlock block, String message, @Nullable Throwable cause) {
        throw sneaky(new FetchFailedException(
                address, shuffleId, block.mapId(), block.mapIndex(), block.partition(), message, cause));
    }

    /**
     * The block that could not be read.
     *
     * @param mapId Spark's map id
     * @param mapIndex position of the map in its stage
     * @param partition reduce partition
     */
    public record FailedBlock(long mapId, int mapIndex, int partition) {}

    /** Reports to the driver that a block has moved to this executor. */
    public static void reportBlock(BlockId blockId, BlockStatus status) {
        var unused = invoke(BlockReport.HANDLE, SparkEnv.get().blockManager(), blockId, status, 0L);
    }

    /** Ends the task if Spark asked for that, also where Spark does not interrupt threads. */
    public static void killIfInterrupted(TaskContext context) {
        context.killTaskIfInterrupted();
    }

    /** Throws anything from places that declare no checked exception. */
    public static RuntimeException sneaky(Throwable failure) {
        SparkInternals.<RuntimeException>sneak(failure);
        throw new AssertionError(failure);
    }

    /** Throws through a signature that declares nothing: the caller chooses the type. */
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable failure) throws E {
        throw (E) failure;
    }

    private static Object invoke(MethodHandle handle, Object... arguments) {
        try {
            return handle.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw sneaky(e);
        }
    }

    /** Spark's report of a block, which has an optional argument more from 4.3 on. */
    private static final class BlockReport {
        static final MethodHandle HANDLE = handle();

        private static MethodHandle handle() {
            MethodType shape = MethodType.methodType(void.class, BlockId.class, BlockStatus.class, long.class);
            MethodHandle known = find(shape);
            return known != null
                    ? known
                    : MethodHandles.insertArguments(
                            Objects.requireNonNull(find(shape.appendParameterTypes(Option.class)), "reportBlockStatus"),
                            4,
                            Option.empty());
        }

        private static @Nullable MethodHandle find(MethodType shape) {
            try {
                return MethodHandles.publicLookup().findVirtual(BlockManager.class, "reportBlockStatus", shape);
            } catch (NoSuchMethodException otherVersion) {
                return null;
            } catch (IllegalAccessException e) {
                throw new IllegalStateException("BlockManager.reportBlockStatus of this Spark is not public", e);
            }
        }
    }

    /** Shapes of Spark 3.5 and 4.0. */
    private static final class Before41 {
        static final MethodHandle MAP_STATUS = handle(MapStatus$.class, "apply", 3);
        static final MethodHandle SORTER = handle(ExternalSorter.class, "<init>", 5);

        private static MethodHandle handle(Class<?> type, String name, int parameters) {
            try {
                return name.equals("<init>")
                        ? MethodHandles.publicLookup()
                                .unreflectConstructor(Arrays.stream(type.getConstructors())
                                        .filter(constructor -> constructor.getParameterCount() == parameters)
                                        .findFirst()
                                        .orElseThrow())
                        : MethodHandles.publicLookup()
                                .unreflect(Arrays.stream(type.getMethods())
                                        .filter(method -> method.getName().equals(name)
                                                && method.getParameterCount() == parameters)
                                        .findFirst()
                                        .orElseThrow());
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(type.getName() + "." + name + " of this Spark is not public", e);
            }
        }
    }
}
