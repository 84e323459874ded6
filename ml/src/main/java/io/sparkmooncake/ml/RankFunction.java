// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import io.sparkmooncake.collectives.Communicator;
import java.io.Serializable;
import java.util.Iterator;

/**
 * What one rank does with its partition. A lambda of Java or of Scala.
 *
 * @param <T> type of the elements of a partition
 * @param <R> type of the results
 */
@FunctionalInterface
public interface RankFunction<T, R> extends Serializable {
    /**
     * Runs in the task. An error that it throws breaks the communicator on all ranks.
     *
     * @param communicator of all tasks of the stage; closed when the task ends, so results are not made from it later
     * @param partition this rank's elements
     */
    Iterator<R> call(Communicator communicator, Iterator<T> partition) throws Exception;
}
