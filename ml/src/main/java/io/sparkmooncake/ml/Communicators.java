// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.ProcessRendezvous;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import java.util.List;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.RDD;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * Communicators of the tasks of a barrier stage: rank is the partition, size the number of tasks, epoch the attempt of the stage.
 *
 * <p>A communicator is closed when its task ends. When the task fails or is killed, it is broken on all ranks with that error, so that
 * the stage fails at once and Spark runs it again, under another epoch.
 *
 * <p>Threading: {@link #join} on the thread that will use the communicator.
 */
public final class Communicators {
    private static final String NAME = "[A-Za-z0-9_-]{1,64}";

    private Communicators() {}

    /**
     * Joins the communicator of all tasks of this stage; every task must. A second call in a task joins another one, and so on: all
     * tasks call in the same order. Blocks until all ranks are there, in each of its steps for at most
     * {@code spark.mooncake.connect.timeout}.
     *
     * @param context of a task of a barrier stage
     * @return closed when the task ends; may be closed earlier
     * @throws CollectiveException naming the ranks that did not come, or the one that was lost
     * @throws IllegalStateException when the task is none of a barrier stage, or the plugin does not run
     */
    public static Communicator join(TaskContext context) throws CollectiveException {
        return enter(context, "stage-" + context.stageId());
    }

    /**
     * Joins a communicator of all tasks of this stage that has a name of its own, for several at once that are joined in any order.
     *
     * @param name 1 to 64 letters, digits, {@code _} and {@code -}, unique within the stage
     */
    public static Communicator join(TaskContext context, String name) throws CollectiveException {
        if (!name.matches(NAME)) {
            throw new IllegalArgumentException(
                    "name=" + name + " is no name: use 1 to 64 letters, digits, '_' and '-'");
        }
        return enter(context, "stage-" + context.stageId() + "." + name);
    }

    /**
     * Runs work as ranks and returns what they return, in the order of ranks. A stage that fails runs again, under another name, as
     * often as Spark tries a stage ({@code spark.stage.maxConsecutiveAttempts}): work should do nothing that may not happen twice.
     *
     * @throws IllegalStateException at once when the application has fewer slots than the RDD has partitions
     */
    public static <T, R> List<R> collect(RDD<T> rdd, RankFunction<T, R> work) {
        return RankJob.collect(rdd, work);
    }

    /** As {@link #collect(RDD, RankFunction)}, for Java. */
    public static <T, R> List<R> collect(JavaRDD<T> rdd, RankFunction<T, R> work) {
        return RankJob.collect(rdd.rdd(), work);
    }

    /**
     * Makes a barrier stage whose tasks each join a communicator. Lazy, as every transformation. When it fails, Spark runs it again
     * if it feeds a shuffle, and fails the job if it is the job's last.
     *
     * @throws IllegalStateException at once when the application has fewer slots than the RDD has partitions, because such a stage
     *     would never start
     */
    public static <T, R> RDD<R> mapPartitions(RDD<T> rdd, RankFunction<T, R> work) {
        Slots.require(rdd);
        ClassTag<R> any = ClassTag$.MODULE$.apply(Object.class);
        return rdd.barrier().mapPartitions(new RankTask<>(work), false, any);
    }

    /** As {@link #mapPartitions(RDD, RankFunction)}, for Java. */
    public static <T, R> JavaRDD<R> mapPartitions(JavaRDD<T> rdd, RankFunction<T, R> work) {
        return mapPartitions(rdd.rdd(), work).toJavaRDD();
    }

    private static Communicator enter(TaskContext context, String name) throws CollectiveException {
        if (!(context instanceof BarrierTaskContext)) {
            throw new IllegalStateException("the task of partition=" + context.partitionId() + " in stage="
                    + context.stageId()
                    + " cannot be a rank: Spark may run the tasks of this stage one after the other."
                    + " Replace rdd.mapPartitions by rdd.barrier().mapPartitions, or use Communicators.mapPartitions");
        }
        Rendezvous rendezvous = ProcessRendezvous.installed()
                .orElseThrow(() -> new IllegalStateException("no rendezvous in this process: add"
                        + " --conf spark.plugins=io.sparkmooncake.plugin.MooncakePlugin"));
        int before = TaskRank.countJoin(context, name);
        String unique = before == 0 ? name : name + ".." + (before + 1);
        return TaskRank.join(
                rendezvous,
                context,
                new Membership(unique, context.stageAttemptNumber(), context.partitionId(), context.numPartitions()));
    }
}
