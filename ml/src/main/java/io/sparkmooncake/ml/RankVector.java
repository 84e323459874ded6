// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.DeviceBuffer;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import org.jspecify.annotations.Nullable;

/**
 * A Java array that ranks reduce again and again: on their GPUs where Spark assigned each of them one, in the host's memory elsewhere. On
 * GPUs the array is copied to a buffer of the rank's device, reduced there over what joins the devices, and copied back. The result
 * is the same on ranks of one host: elements are reduced in the order of ranks, whoever reduces them. Over several hosts they are reduced
 * host by host, which may change the last bits.
 *
 * <p>Threading: as the communicator.
 */
public final class RankVector implements AutoCloseable {
    private final Communicator ranks;
    private final Elements values;
    private final @Nullable DeviceBuffer buffer;

    private RankVector(Communicator ranks, Elements values, @Nullable DeviceBuffer buffer) {
        this.ranks = ranks;
        this.values = values;
        this.buffer = buffer;
    }

    /**
     * Takes memory for an array, which stays the caller's. Every rank calls it, with arrays of one length, in the same order as operations.
     *
     * @return the caller's; what it took of a device goes back when it is closed, and at the latest with the communicator
     */
    public static RankVector of(Communicator ranks, double[] array) throws CollectiveException {
        return of(ranks, Elements.of(array), DataType.FLOAT64);
    }

    /** As the other one. */
    public static RankVector of(Communicator ranks, float[] array) throws CollectiveException {
        return of(ranks, Elements.of(array), DataType.FLOAT32);
    }

    private static RankVector of(Communicator ranks, Elements values, DataType type) throws CollectiveException {
        boolean onDevices = values.count() > 0 && ranks.deviceMemory().isAvailable();
        DeviceBuffer buffer = onDevices ? ranks.deviceMemory().allocate(type, values.count()) : null;
        return new RankVector(ranks, values, buffer);
    }

    /** Tells that it is reduced on devices. */
    public boolean isOnDevice() {
        return buffer != null;
    }

    /** Reduces the arrays of all ranks, element by element, into each of them. Every rank calls it. */
    public void allReduce(ReduceOp op) throws CollectiveException {
        if (buffer == null) {
            ranks.allReduce(values, values, op);
            return;
        }
        buffer.upload(values);
        ranks.allReduce(buffer.elements(), buffer.elements(), op);
        buffer.download(values);
    }

    @Override
    public void close() {
        if (buffer != null) {
            buffer.close();
        }
    }
}
