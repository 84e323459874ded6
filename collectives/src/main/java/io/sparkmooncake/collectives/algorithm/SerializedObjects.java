// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;

/** Objects and bytes of any length, by way of two operations on elements: their lengths, then their bytes. */
final class SerializedObjects {
    /** Bytes that one call gathers or copies. */
    static final long MAX_BYTES = 1 << 30;

    private final Communicator communicator;

    SerializedObjects(Communicator communicator) {
        this.communicator = communicator;
    }

    List<byte[]> allGatherBytes(byte[] bytes) throws CollectiveException {
        int size = communicator.membership().size();
        long[] lengths = new long[size];
        communicator.allGather(Elements.of(new long[] {bytes.length}), Elements.of(lengths));
        Blocks blocks = Blocks.of(lengths);
        requireLimit(blocks.total());
        byte[] all = new byte[(int) blocks.total()];
        communicator.allGather(Elements.of(bytes), Elements.of(all), blocks);
        List<byte[]> each = new ArrayList<>(size);
        for (int rank = 0; rank < size; rank++) {
            int start = (int) blocks.start(rank);
            each.add(Arrays.copyOfRange(all, start, start + (int) blocks.count(rank)));
        }
        return each;
    }

    <T extends Serializable> List<T> allGatherObjects(T object) throws CollectiveException {
        List<T> objects = new ArrayList<>(communicator.membership().size());
        for (byte[] bytes : allGatherBytes(write(object))) {
            objects.add(SerializedObjects.<T>typed(read(bytes)));
        }
        return objects;
    }

    <T extends Serializable> T allReduceObject(T object, BinaryOperator<T> op) throws CollectiveException {
        List<T> objects = allGatherObjects(object);
        T result = objects.get(0);
        for (T operand : objects.subList(1, objects.size())) {
            result = op.apply(result, operand);
        }
        return result;
    }

    <T extends Serializable> T broadcastObject(@Nullable T object, int root) throws CollectiveException {
        boolean isRoot = communicator.membership().rank() == root;
        byte[] bytes = isRoot ? write(ofRoot(object, root)) : new byte[0];
        requireLimit(bytes.length);
        long[] length = {bytes.length};
        communicator.broadcast(Elements.of(length), root);
        byte[] copied = isRoot ? bytes : new byte[(int) length[0]];
        communicator.broadcast(Elements.of(copied), root);
        return isRoot ? ofRoot(object, root) : SerializedObjects.<T>typed(read(copied));
    }

    private static <T> T ofRoot(@Nullable T object, int root) {
        if (object == null) {
            throw new IllegalArgumentException("object=null on root=" + root + ", which must have one");
        }
        return object;
    }

    private static void requireLimit(long bytes) {
        if (bytes > MAX_BYTES) {
            throw new IllegalArgumentException(
                    "objects of bytes=" + bytes + " exceed limit=" + MAX_BYTES + ": use Elements, or several calls");
        }
    }

    private static byte[] write(Object object) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(object);
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    "object of class=" + object.getClass().getName() + " cannot be written: " + e.getMessage(), e);
        }
        return bytes.toByteArray();
    }

    /** Ranks that give objects of different types see it when they use them. */
    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
    private static <T> T typed(Object object) {
        return (T) object;
    }

    private static Object read(byte[] bytes) {
        try (ObjectInputStream in = new ContextStream(new ByteArrayInputStream(bytes))) {
            return in.readObject();
        } catch (IOException | ClassNotFoundException e) {
            throw new IllegalStateException(
                    "object of bytes=" + bytes.length + " cannot be read: " + e.getMessage()
                            + ". Its class must be on the class path of every executor",
                    e);
        }
    }

    private static final class ContextStream extends ObjectInputStream {
        ContextStream(InputStream in) throws IOException {
            super(in);
        }

        @Override
        protected Class<?> resolveClass(ObjectStreamClass description) throws IOException, ClassNotFoundException {
            ClassLoader loader = Thread.currentThread().getContextClassLoader();
            try {
                return Class.forName(description.getName(), false, loader);
            } catch (ClassNotFoundException e) {
                // Primitive types and the classes of this library.
                return super.resolveClass(description);
            }
        }
    }
}
