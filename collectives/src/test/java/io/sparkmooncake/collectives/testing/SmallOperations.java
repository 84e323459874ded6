// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;

/** Small operations of many kinds, over and over with the same elements. */
final class SmallOperations {
    private static final int KINDS = 8;
    private static final int LOOKS = 30;
    private static final int PAUSE_MILLIS = 1_000;

    private final Communicator communicator;
    private final Elements one = Elements.of(new double[1]);
    private final Elements few = Elements.of(new float[100]);
    private final Elements some;
    private final Elements all;
    private final Elements other;

    private SmallOperations(Communicator communicator) {
        this.communicator = communicator;
        this.some = Elements.allocate(DataType.INT64, 30);
        this.all =
                Elements.allocate(DataType.INT64, 30 * communicator.membership().size());
        this.other = Elements.allocate(DataType.INT64, (int) all.count());
    }

    /** Makes so many operations, after a fifth as many for the compiler, and returns what was taken meanwhile. */
    static Footprint soak(Communicator communicator, int times) throws Exception {
        SmallOperations operations = new SmallOperations(communicator);
        operations.run(times / 5);
        Footprint.now();
        Footprint before = Footprint.now();
        long allocatedBefore = Footprint.allocatedHere();
        operations.run(times);
        long allocated = Footprint.allocatedHere() - allocatedBefore;
        return settled(before).withAllocated(allocated);
    }

    /** What a thread of the engine has open for a moment is no leak: what is left after a while is. */
    private static Footprint settled(Footprint before) throws Exception {
        Footprint grown = Footprint.now().since(before);
        for (int look = 0; look < LOOKS && (grown.descriptors() > 0 || grown.threads() > 0); look++) {
            Thread.sleep(PAUSE_MILLIS);
            grown = Footprint.now().since(before);
        }
        return grown;
    }

    private void run(int times) throws Exception {
        int rank = communicator.membership().rank();
        Elements atRoot = rank == 0 ? all : null;
        for (int i = 0; i < times; i += KINDS) {
            communicator.allReduce(one, one, ReduceOp.SUM);
            communicator.allReduce(few, few, ReduceOp.MAX);
            communicator.allGather(some, all);
            communicator.reduceScatter(all, some, ReduceOp.MIN);
            communicator.broadcast(few, 1);
            communicator.gather(some, atRoot, 0);
            communicator.allToAll(all, other);
            communicator.barrier();
        }
    }
}
