// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a rank called, in one word and its count: all that must be the same on every rank. From the lowest byte:
 * {@code u8 operation | u8 type | u8 reduction | u8 0 | i32 1 + root}, 0 where there is none.
 */
final class Call {
    private static final int TYPE_SHIFT = 8;
    private static final int REDUCTION_SHIFT = 16;
    private static final int ROOT_SHIFT = 32;

    private Call() {}

    static long signature(Operation operation, @Nullable DataType type, @Nullable ReduceOp op, int root) {
        long typeByte = type == null ? 0 : type.number();
        long opByte = op == null ? 0 : op.number();
        return operation.number()
                | (typeByte << TYPE_SHIFT)
                | (opByte << REDUCTION_SHIFT)
                | ((1L + root) << ROOT_SHIFT);
    }

    /** Returns {@code #42 ALL_REDUCE float64[1024] SUM}. */
    static String describe(long sequence, long signature, long count) {
        StringBuilder text = new StringBuilder(48).append('#').append(sequence);
        text.append(name(Operation.values(), Operation::number, signature));
        String type = name(DataType.values(), DataType::number, signature >> TYPE_SHIFT);
        if (!type.isEmpty()) {
            text.append(type.toLowerCase(Locale.ROOT)).append('[').append(count).append(']');
        }
        text.append(name(ReduceOp.values(), ReduceOp::number, signature >> REDUCTION_SHIFT));
        long root = signature >> ROOT_SHIFT;
        if (root > 0) {
            text.append(" root=").append(root - 1);
        }
        return text.toString();
    }

    private static <E extends Enum<E>> String name(E[] all, ToIntFunction<E> number, long word) {
        int wanted = (int) (word & 0xff);
        return Arrays.stream(all)
                .filter(each -> number.applyAsInt(each) == wanted)
                .map(each -> " " + each.name())
                .findFirst()
                .orElse("");
    }
}
