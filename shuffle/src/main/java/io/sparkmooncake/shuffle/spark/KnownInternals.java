// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The parts of Spark that the shuffle binds to and that are not a documented interface. Vendors change them without changing
 * the version, so they are looked up by name before the first class that links to them is loaded.
 *
 * <p>Every line is a class, a member and its descriptor.
 */
public final class KnownInternals {
    /** Members that are called. */
    private static final String CALLED = """
            org.apache.spark.MapOutputTracker getMapSizesByExecutorId (IIIII)Lscala/collection/Iterator;
            org.apache.spark.SparkEnv mapOutputTracker ()Lorg/apache/spark/MapOutputTracker;
            org.apache.spark.SparkEnv serializerManager ()Lorg/apache/spark/serializer/SerializerManager;
            org.apache.spark.SparkEnv blockManager ()Lorg/apache/spark/storage/BlockManager;
            org.apache.spark.storage.BlockManager shuffleServerId ()Lorg/apache/spark/storage/BlockManagerId;
            org.apache.spark.executor.TaskMetrics incDiskBytesSpilled (J)V
            org.apache.spark.executor.TaskMetrics incMemoryBytesSpilled (J)V
            org.apache.spark.executor.TaskMetrics incPeakExecutionMemory (J)V
            org.apache.spark.executor.TaskMetrics mergeShuffleReadMetrics ()V
            org.apache.spark.io.CompressionCodec$ createCodec (Lorg/apache/spark/SparkConf;)Lorg/apache/spark/io/CompressionCodec;
            org.apache.spark.memory.MemoryConsumer <init> (Lorg/apache/spark/memory/TaskMemoryManager;JLorg/apache/spark/memory/MemoryMode;)V
            org.apache.spark.memory.TaskMemoryManager getTungstenMemoryMode ()Lorg/apache/spark/memory/MemoryMode;
            org.apache.spark.serializer.SerializerManager encryptionEnabled ()Z
            org.apache.spark.serializer.SerializerManager wrapForEncryption (Ljava/io/InputStream;)Ljava/io/InputStream;
            org.apache.spark.serializer.SerializerManager wrapForEncryption (Ljava/io/OutputStream;)Ljava/io/OutputStream;
            org.apache.spark.executor.ShuffleWriteMetrics <init> ()V
            org.apache.spark.network.util.AbstractFileRegion <init> ()V
            org.apache.spark.serializer.SerializerManager wrapStream (Lorg/apache/spark/storage/BlockId;Ljava/io/InputStream;)Ljava/io/InputStream;
            org.apache.spark.storage.BlockManager diskBlockManager ()Lorg/apache/spark/storage/DiskBlockManager;
            org.apache.spark.storage.BlockManager getDiskWriter (Lorg/apache/spark/storage/BlockId;Ljava/io/File;Lorg/apache/spark/serializer/SerializerInstance;ILorg/apache/spark/shuffle/ShuffleWriteMetricsReporter;)Lorg/apache/spark/storage/DiskBlockObjectWriter;
            org.apache.spark.storage.BlockStatus <init> (Lorg/apache/spark/storage/StorageLevel;JJ)V
            org.apache.spark.storage.DiskBlockManager createTempLocalBlock ()Lscala/Tuple2;
            org.apache.spark.storage.DiskBlockObjectWriter close ()V
            org.apache.spark.storage.DiskBlockObjectWriter closeAndDelete ()V
            org.apache.spark.storage.DiskBlockObjectWriter commitAndGet ()Lorg/apache/spark/storage/FileSegment;
            org.apache.spark.storage.DiskBlockObjectWriter write (Ljava/lang/Object;Ljava/lang/Object;)V
            org.apache.spark.storage.StorageLevel DISK_ONLY ()Lorg/apache/spark/storage/StorageLevel;
            org.apache.spark.util.SizeEstimator estimate (Ljava/lang/Object;)J
            org.apache.spark.shuffle.BaseShuffleHandle <init> (ILorg/apache/spark/ShuffleDependency;)V
            org.apache.spark.shuffle.BaseShuffleHandle dependency ()Lorg/apache/spark/ShuffleDependency;
            org.apache.spark.shuffle.FetchFailedException <init> (Lorg/apache/spark/storage/BlockManagerId;IJIILjava/lang/String;Ljava/lang/Throwable;)V
            org.apache.spark.shuffle.ShuffleReadMetricsReporter incFetchWaitTime (J)V
            org.apache.spark.shuffle.ShuffleReadMetricsReporter incLocalBlocksFetched (J)V
            org.apache.spark.shuffle.ShuffleReadMetricsReporter incLocalBytesRead (J)V
            org.apache.spark.shuffle.ShuffleReadMetricsReporter incRecordsRead (J)V
            org.apache.spark.shuffle.ShuffleReadMetricsReporter incRemoteBlocksFetched (J)V
            org.apache.spark.shuffle.ShuffleReadMetricsReporter incRemoteBytesRead (J)V
            org.apache.spark.shuffle.ShuffleWriteMetricsReporter incBytesWritten (J)V
            org.apache.spark.shuffle.ShuffleWriteMetricsReporter incRecordsWritten (J)V
            org.apache.spark.shuffle.ShuffleWriteMetricsReporter incWriteTime (J)V
            org.apache.spark.shuffle.sort.SortShuffleManager <init> (Lorg/apache/spark/SparkConf;)V
            org.apache.spark.shuffle.sort.SortShuffleManager canUseSerializedShuffle (Lorg/apache/spark/ShuffleDependency;)Z
            org.apache.spark.util.CompletionIterator$ apply (Lscala/collection/Iterator;Lscala/Function0;)Lorg/apache/spark/util/CompletionIterator;
            org.apache.spark.util.collection.ExternalSorter diskBytesSpilled ()J
            org.apache.spark.util.collection.ExternalSorter insertAll (Lscala/collection/Iterator;)V
            org.apache.spark.util.collection.ExternalSorter insertAllAndUpdateMetrics (Lscala/collection/Iterator;)Lscala/collection/Iterator;
            org.apache.spark.util.collection.ExternalSorter memoryBytesSpilled ()J
            org.apache.spark.util.collection.ExternalSorter partitionedIterator ()Lscala/collection/Iterator;
            org.apache.spark.util.collection.ExternalSorter peakMemoryUsedBytes ()J
            org.apache.spark.util.collection.ExternalSorter stop ()V
            org.apache.spark.util.collection.KVArraySortDataFormat <init> (Lscala/reflect/ClassTag;)V
            org.apache.spark.util.collection.Sorter sort (Ljava/lang/Object;IILjava/util/Comparator;)V
            """;

    /** Members that are called only by Spark without row checksums. */
    private static final String CALLED_WITHOUT_ROW_CHECKSUMS = """
            org.apache.spark.scheduler.MapStatus$ apply (Lorg/apache/spark/storage/BlockManagerId;[JJ)Lorg/apache/spark/scheduler/MapStatus;
            org.apache.spark.util.collection.ExternalSorter <init> (Lorg/apache/spark/TaskContext;Lscala/Option;Lscala/Option;Lscala/Option;Lorg/apache/spark/serializer/Serializer;)V
            """;

    /** Members that are called only with row checksums, which Spark has from 4.1 on. */
    private static final String CALLED_WITH_ROW_CHECKSUMS = """
            org.apache.spark.scheduler.MapStatus$ apply (Lorg/apache/spark/storage/BlockManagerId;[JJJ)Lorg/apache/spark/scheduler/MapStatus;
            org.apache.spark.shuffle.checksum.RowBasedChecksum update (Ljava/lang/Object;Ljava/lang/Object;)V
            org.apache.spark.shuffle.checksum.RowBasedChecksum getAggregatedChecksumValue ([Lorg/apache/spark/shuffle/checksum/RowBasedChecksum;)J
            org.apache.spark.util.collection.ExternalSorter <init> (Lorg/apache/spark/TaskContext;Lscala/Option;Lscala/Option;Lscala/Option;Lorg/apache/spark/serializer/Serializer;[Lorg/apache/spark/shuffle/checksum/RowBasedChecksum;)V
            """;

    private static final String ROW_CHECKSUMS = """
            org.apache.spark.ShuffleDependency rowBasedChecksums ()[Lorg/apache/spark/shuffle/checksum/RowBasedChecksum;
            """;

    /** Members that the plugin calls on the driver. */
    private static final String CALLED_BY_THE_PLUGIN = """
            org.apache.spark.MapOutputTrackerMaster containsShuffle (I)Z
            org.apache.spark.MapOutputTrackerMaster shuffleStatuses ()Lscala/collection/concurrent/Map;
            org.apache.spark.ShuffleStatus withMapStatuses (Lscala/Function1;)Ljava/lang/Object;
            """;

    /** Members of Spark's manager that ours overrides. */
    private static final String OVERRIDDEN = """
            org.apache.spark.shuffle.sort.SortShuffleManager registerShuffle (ILorg/apache/spark/ShuffleDependency;)Lorg/apache/spark/shuffle/ShuffleHandle;
            org.apache.spark.shuffle.sort.SortShuffleManager getWriter (Lorg/apache/spark/shuffle/ShuffleHandle;JLorg/apache/spark/TaskContext;Lorg/apache/spark/shuffle/ShuffleWriteMetricsReporter;)Lorg/apache/spark/shuffle/ShuffleWriter;
            org.apache.spark.shuffle.sort.SortShuffleManager getReader (Lorg/apache/spark/shuffle/ShuffleHandle;IIIILorg/apache/spark/TaskContext;Lorg/apache/spark/shuffle/ShuffleReadMetricsReporter;)Lorg/apache/spark/shuffle/ShuffleReader;
            org.apache.spark.shuffle.sort.SortShuffleManager unregisterShuffle (I)Z
            org.apache.spark.shuffle.sort.SortShuffleManager shuffleBlockResolver ()Lorg/apache/spark/shuffle/IndexShuffleBlockResolver;
            """;

    /** Abstract methods of the classes that ours implement: another one would be missing there. */
    private static final String IMPLEMENTED = """
            org.apache.spark.shuffle.ShuffleWriter write stop getPartitionLengths
            org.apache.spark.shuffle.ShuffleReader read
            org.apache.spark.memory.MemoryConsumer spill
            """;

    /** Members of Spark's resolver that ours overrides; Spark 3.5 does not have the constructor. */
    private static final String RESOLVER = """
            org.apache.spark.shuffle.IndexShuffleBlockResolver <init> (Lorg/apache/spark/SparkConf;)V
            org.apache.spark.shuffle.IndexShuffleBlockResolver getStoredShuffles ()Lscala/collection/immutable/Seq;
            org.apache.spark.shuffle.IndexShuffleBlockResolver addShuffleToSkip (I)V
            org.apache.spark.shuffle.IndexShuffleBlockResolver getMigrationBlocks (Lorg/apache/spark/shuffle/ShuffleBlockInfo;)Lscala/collection/immutable/List;
            org.apache.spark.shuffle.IndexShuffleBlockResolver putShuffleBlockAsStream (Lorg/apache/spark/storage/BlockId;Lorg/apache/spark/serializer/SerializerManager;)Lorg/apache/spark/network/client/StreamCallbackWithID;
            org.apache.spark.shuffle.IndexShuffleBlockResolver removeDataByMap (IJ)V
            org.apache.spark.shuffle.IndexShuffleBlockResolver getBlockData (Lorg/apache/spark/storage/BlockId;Lscala/Option;)Lorg/apache/spark/network/buffer/ManagedBuffer;
            """;

    private final ClassLoader loader;

    private KnownInternals(ClassLoader loader) {
        this.loader = loader;
    }

    /** Returns what the shuffle needs and this Spark does not have; empty when it runs. */
    public static List<String> differences(ClassLoader loader) {
        KnownInternals spark = new KnownInternals(loader);
        List<String> found = new ArrayList<>(spark.missing(CALLED, Use.CALL));
        String version = spark.missing(ROW_CHECKSUMS, Use.CALL).isEmpty()
                ? CALLED_WITH_ROW_CHECKSUMS
                : CALLED_WITHOUT_ROW_CHECKSUMS;
        found.addAll(spark.missing(version, Use.CALL));
        found.addAll(spark.missing(CALLED_BY_THE_PLUGIN, Use.CALL));
        found.addAll(spark.missing(OVERRIDDEN, Use.OVERRIDE));
        IMPLEMENTED.lines().forEach(line -> found.addAll(spark.unknownAbstract(line)));
        return found;
    }

    /** Returns why Spark's block resolver cannot be extended; empty when it can. */
    public static List<String> resolverDifferences(ClassLoader loader) {
        return new KnownInternals(loader).missing(RESOLVER, Use.OVERRIDE);
    }

    /** Returns every line. */
    static List<String> members() {
        return Stream.of(
                        CALLED,
                        CALLED_WITHOUT_ROW_CHECKSUMS,
                        CALLED_WITH_ROW_CHECKSUMS,
                        ROW_CHECKSUMS,
                        CALLED_BY_THE_PLUGIN,
                        OVERRIDDEN,
                        RESOLVER)
                .flatMap(String::lines)
                .toList();
    }

    private List<String> missing(String members, Use use) {
        return members.lines().flatMap(line -> reason(line, use).stream()).toList();
    }

    private enum Use {
        CALL,
        OVERRIDE
    }

    private List<String> reason(String line, Use use) {
        String[] words = line.split(" ", -1);
        String member = words[0] + (words[1].equals("<init>") ? "" : "." + words[1]);
        try {
            Class<?> type = Class.forName(words[0], false, loader);
            MethodType shape = MethodType.fromMethodDescriptorString(words[2], loader);
            OptionalInt modifiers =
                    words[1].equals("<init>") ? constructor(type, shape) : method(type, words[1], shape);
            String parameters = shape.parameterList().stream()
                    .map(Class::getSimpleName)
                    .collect(Collectors.joining(", ", "(", ")"));
            if (modifiers.isEmpty()) {
                return List.of("no " + member + parameters);
            }
            boolean closed = Modifier.isFinal(type.getModifiers() | modifiers.getAsInt());
            return use == Use.OVERRIDE && closed ? List.of("a final " + member + parameters) : List.of();
        } catch (ClassNotFoundException | TypeNotPresentException | LinkageError e) {
            return List.of("no " + member + " (" + e + ")");
        }
    }

    private static OptionalInt constructor(Class<?> type, MethodType shape) {
        return Arrays.stream(type.getDeclaredConstructors())
                .filter(constructor -> Arrays.equals(constructor.getParameterTypes(), shape.parameterArray()))
                .mapToInt(Constructor::getModifiers)
                .filter(modifiers -> !Modifier.isPrivate(modifiers))
                .findFirst();
    }

    /** Resolves this one method: others of its class may name classes that this class path does not have. */
    private static OptionalInt method(Class<?> type, String name, MethodType shape) {
        MethodHandles.Lookup lookup = MethodHandles.publicLookup();
        for (Search search : List.<Search>of(lookup::findVirtual, lookup::findStatic)) {
            try {
                return OptionalInt.of(
                        lookup.revealDirect(search.find(type, name, shape)).getModifiers());
            } catch (NoSuchMethodException | IllegalAccessException none) {
                // The other search may find it.
            }
        }
        return OptionalInt.empty();
    }

    private interface Search {
        MethodHandle find(Class<?> type, String name, MethodType shape)
                throws NoSuchMethodException, IllegalAccessException;
    }

    private List<String> unknownAbstract(String line) {
        List<String> words = List.of(line.split(" ", -1));
        Set<String> known = Set.copyOf(words.subList(1, words.size()));
        try {
            return Arrays.stream(Class.forName(words.get(0), false, loader).getMethods())
                    .filter(method -> Modifier.isAbstract(method.getModifiers()))
                    .map(Method::getName)
                    .filter(name -> !known.contains(name))
                    .distinct()
                    .map(name -> "an abstract " + words.get(0) + "." + name)
                    .toList();
        } catch (ClassNotFoundException | LinkageError e) {
            return List.of("no " + words.get(0) + " (" + e + ")");
        }
    }
}
