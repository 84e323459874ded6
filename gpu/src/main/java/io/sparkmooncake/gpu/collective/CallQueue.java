// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.driver.DeviceEvent;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.kernel.Way;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Launches the calls of one rank one after the other, whatever streams they come on. Threading: one thread at a time.
 */
final class CallQueue implements AutoCloseable {
    private static final long PRIME = 0x100000001b3L;

    private final DeviceGroup group;
    private final long[] words = new long[CallLayout.WORDS];
    private final Map<String, KernelModule.Kernel> kernels = new HashMap<>();
    private final DeviceEvent done;
    private @Nullable DeviceStream last;
    private long sequence;

    /**
     * What a call is about.
     *
     * @param operation of the communicator
     * @param type of the elements; null for a barrier
     * @param op of a reduction
     * @param root −1 where there is none
     * @param count elements or bytes, as the kernel counts them
     */
    record About(
            Operation operation,
            @Nullable DataType type,
            @Nullable ReduceOp op,
            int root,
            long count) {
        static final About BARRIER = new About(Operation.BARRIER, null, null, -1, 0);
    }

    /**
     * Where a call's memory is.
     *
     * @param source as all ranks understand it
     * @param target likewise
     * @param ownSource its address here
     * @param ownTarget likewise
     */
    record Memory(long source, long target, long ownSource, long ownTarget) {
        static final Memory NONE = new Memory(0, 0, 0, 0);
    }

    CallQueue(DeviceGroup group) {
        this.group = group;
        this.done = group.device.event();
    }

    long sequence() {
        return sequence;
    }

    /** Queues a launch behind the last one of this rank. */
    void launch(String kernel, Way way, About about, Memory memory, DeviceStream stream) {
        follow(stream);
        group.fillIn(words);
        words[CallLayout.TICKET] = CallLayout.ticket(group.self.epoch() & 0xffff, ++sequence);
        words[CallLayout.SIGNATURE] = signature(way, about);
        words[CallLayout.COUNT] = about.count();
        words[CallLayout.REDUCTION] = about.op() == null ? 0 : about.op().number();
        words[CallLayout.ROOT] = Math.max(0, about.root());
        words[CallLayout.SOURCE] = memory.source();
        words[CallLayout.TARGET] = memory.target();
        words[CallLayout.VARIANT] = way.variant();
        words[CallLayout.CHUNK] = way.chunk();
        words[CallLayout.OWN_SOURCE] = memory.ownSource();
        words[CallLayout.OWN_TARGET] = memory.ownTarget();
        words[CallLayout.BLOCKS] = group.pinned.deviceAddress() + DeviceGroup.TABLE_OFFSET;
        kernels.computeIfAbsent(kernel, name -> group.kernels.kernel(name, words))
                .launch(way.grid(), way.block(), stream);
        left(stream);
    }

    /** Lets what is queued next wait for the last call. */
    void follow(DeviceStream stream) {
        if (last != null && last != stream) {
            stream.await(done);
        }
    }

    /** Notes that the last call was queued in this stream. */
    void left(DeviceStream stream) {
        last = stream;
        done.record(stream);
    }

    private static long signature(Way way, About about) {
        long hash = 0xcbf29ce484222325L;
        long[] parts = {
            about.operation().number(),
            about.type() == null ? 0 : about.type().number(),
            about.op() == null ? 0 : about.op().number(),
            about.root(),
            about.count(),
            way.method().number(),
            way.variant(),
            way.grid(),
            way.chunk()
        };
        for (long part : parts) {
            hash = (hash ^ part) * PRIME;
            hash ^= hash >>> 29;
        }
        return hash;
    }

    @Override
    public void close() {
        done.close();
    }
}
