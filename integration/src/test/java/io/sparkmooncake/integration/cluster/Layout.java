// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

/** Where the executors of a test run. */
enum Layout {
    /** Two executors of one host: the smallest cluster. */
    TWO_ON_ONE_HOST(2, 0),
    /** Three executors of one host. */
    THREE_ON_ONE_HOST(3, 0),
    /** Three executors of one host that may use tcp alone. */
    THREE_TCP(3, 0),
    /** Four hosts with an executor each, and one for the driver. */
    FOUR_HOSTS(4, 4),
    /** Two hosts with two executors each: shared memory and tcp mixed. */
    TWO_BY_TWO(4, 2);

    private final int executors;
    private final int workers;

    Layout(int executors, int workers) {
        this.executors = executors;
        this.workers = workers;
    }

    int executors() {
        return executors;
    }

    /** The hosts with executors; 0 if they are processes of this machine's own network. */
    int workers() {
        return workers;
    }

    boolean hasHosts() {
        return workers > 0;
    }

    /** Whether any two executors share memory. */
    boolean usesShm() {
        return this != THREE_TCP && this != FOUR_HOSTS;
    }

    /** Whether any two executors do not share memory. */
    boolean usesTcp() {
        return hasHosts() || this == THREE_TCP;
    }
}
