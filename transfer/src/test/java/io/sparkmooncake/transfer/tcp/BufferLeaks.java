// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Netty's leak detector, remembering what it finds. {@code transfer/pom.xml} names it to Netty.
 *
 * @param <T> kind of resource
 */
public final class BufferLeaks<T> extends ResourceLeakDetector<T> {
    private static final Queue<String> FOUND = new ConcurrentLinkedQueue<>();
    private static final int ROUNDS = 20;

    /** For Netty. */
    public BufferLeaks(Class<?> resourceType, int samplingInterval) {
        super(resourceType, samplingInterval);
    }

    @Override
    protected void reportTracedLeak(String resourceType, String records) {
        super.reportTracedLeak(resourceType, records);
        FOUND.add(resourceType + " leaked" + records);
    }

    @Override
    protected void reportUntracedLeak(String resourceType) {
        super.reportUntracedLeak(resourceType);
        FOUND.add(resourceType + " leaked");
    }

    /** Returns the leaks found since the last call: buffers that became garbage without having been released. */
    static List<String> find() throws InterruptedException {
        for (int round = 0; round < ROUNDS; round++) {
            System.gc();
            Thread.sleep(50); // references are queued by a thread of the JVM after the collection
            ByteBuf looksAtTheQueue = ByteBufAllocator.DEFAULT.directBuffer(1);
            looksAtTheQueue.release();
        }
        List<String> found = List.copyOf(FOUND);
        FOUND.clear();
        return found;
    }
}
