// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.transfer.store.HostedStore;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes executors that Spark gave up out of the store, so that whoever waits for them learns it at once and why.
 *
 * <p>Threading: called on the listener queue of its own, which no slow listener delays.
 */
final class LostExecutors extends SparkListener {
    static final String QUEUE = "mooncake";

    private static final Logger LOG = LoggerFactory.getLogger(LostExecutors.class);

    private final HostedStore store;

    LostExecutors(HostedStore store) {
        this.store = store;
    }

    @Override
    public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
        long keys = store.ownerLost(removed.executorId(), "Spark removed the executor: " + removed.reason());
        if (keys > 0) {
            LOG.info("executor {} was removed: keys={} taken out of the store", removed.executorId(), keys);
        }
    }
}
