// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import java.io.Serializable;
import org.apache.spark.TaskContext;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/** A task that joins and then does a rank's work. */
final class RankTask<T, R> extends AbstractFunction1<Iterator<T>, Iterator<R>> implements Serializable {
    private static final long serialVersionUID = 1;

    @SuppressWarnings("serial") // a RankFunction is a Serializable
    private final RankFunction<T, R> work;

    RankTask(RankFunction<T, R> work) {
        this.work = work;
    }

    @Override
    public Iterator<R> apply(Iterator<T> partition) {
        try {
            return CollectionConverters.asScala(
                    work.call(Communicators.join(TaskContext.get()), CollectionConverters.asJava(partition)));
        } catch (Exception e) {
            throw RankTask.<RuntimeException>asIs(e);
        }
    }

    /** Scala's functions declare no exceptions, and Spark reports what they throw: it should be the user's own. */
    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
    private static <E extends Exception> E asIs(Exception thrown) throws E {
        throw (E) thrown;
    }
}
