// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.util.TaskCompletionListener;
import org.apache.spark.util.TaskFailureListener;
import org.jspecify.annotations.Nullable;
import scala.Option;

/**
 * Ties a communicator, and those that are split from it, to the task that joined it: closed when the task ends, broken when it fails or is killed. The one class that
 * touches Spark's internals here.
 *
 * <p>Threading: the task's thread joins and ends; one thread, {@code mooncake-rank-<task>}, watches whether Spark killed the task,
 * because Spark tells nobody and does not interrupt the tasks of a barrier stage that failed.
 */
final class TaskRank implements TaskCompletionListener, TaskFailureListener {
    private static final long LOOK_MILLIS = 50;
    private static final String GPU = "gpu";
    private static final String JOINS = "spark.mooncake.collectives.joins.";

    private final Rendezvous rendezvous;
    private final TaskContext context;

    @GuardedBy("this")
    private final List<Communicator> communicators = new ArrayList<>();

    @GuardedBy("this")
    private final Set<Thread> joining = new HashSet<>();

    @GuardedBy("this")
    private boolean ended;

    private TaskRank(Rendezvous rendezvous, TaskContext context) {
        this.rendezvous = rendezvous;
        this.context = context;
    }

    /** Returns how often this task joined under the name before, and counts this time. */
    static int countJoin(TaskContext context, String name) {
        Properties ofStage = context.getLocalProperties(); // in local mode; in a cluster each task has its own
        String key = JOINS + context.taskAttemptId() + "." + name;
        synchronized (ofStage) {
            int before = Integer.parseInt(ofStage.getProperty(key, "0"));
            ofStage.setProperty(key, Integer.toString(before + 1));
            return before;
        }
    }

    static Communicator join(Rendezvous rendezvous, TaskContext context, Membership self) throws CollectiveException {
        TaskRank rank = new TaskRank(rendezvous, context);
        var unused = context.addTaskFailureListener(rank).addTaskCompletionListener(rank);
        Thread watch = new Thread(rank::watch, "mooncake-rank-" + context.taskAttemptId());
        watch.setDaemon(true);
        watch.start();
        boolean joined = false;
        try {
            Communicator communicator = rank.join(self);
            joined = true;
            return communicator;
        } finally {
            if (!joined) {
                rank.end();
            }
        }
    }

    /** Joins what the task asked for, and later what is split from that. */
    private Communicator join(Membership self) throws CollectiveException {
        began(Thread.currentThread());
        Communicator joined = null;
        try {
            joined = rendezvous.join(self, this::join, devices());
            return joined;
        } finally {
            ended(Thread.currentThread(), joined);
        }
    }

    /** Returns the addresses of the GPUs that Spark assigned to the task; the same on all tasks of a stage that there are some. */
    private List<String> devices() {
        ResourceInformation assigned = context.resourcesJMap().get(GPU);
        return assigned == null ? List.of() : List.of(assigned.addresses());
    }

    private synchronized void began(Thread thread) {
        joining.add(thread);
    }

    private synchronized void ended(Thread thread, @Nullable Communicator joined) {
        joining.remove(thread);
        if (joined != null) {
            communicators.add(joined);
        }
    }

    private synchronized void watch() {
        try {
            while (!ended) {
                if (context.isInterrupted()) {
                    killed();
                    return;
                }
                wait(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @GuardedBy("this")
    private void killed() {
        Option<String> reason = context.getKillReason();
        abort(describe() + " was killed: " + (reason.isDefined() ? reason.get() : "no reason given"));
        joining.forEach(Thread::interrupt);
    }

    @GuardedBy("this")
    private void abort(String reason) {
        communicators.forEach(communicator -> communicator.abort(reason));
    }

    @Override
    public synchronized void onTaskFailure(TaskContext failed, Throwable error) {
        abort(describe() + " failed: " + error);
    }

    @Override
    public void onTaskCompletion(TaskContext completed) {
        end();
    }

    private synchronized void end() {
        ended = true;
        notifyAll();
        for (int i = communicators.size() - 1; i >= 0; i--) {
            communicators.get(i).close();
        }
    }

    private String describe() {
        return "task " + context.taskAttemptId() + " (stage " + context.stageId() + "." + context.stageAttemptNumber()
                + ", partition " + context.partitionId() + ")";
    }
}
