// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a rank called, as words: all that must be the same on every rank. The signature holds, from the lowest byte,
 * {@code u8 operation | u8 type | u8 reduction | u8 0 | i32 1 + root}, 0 where there is none. With it go the number of elements,
 * {@link #UNCOUNTED} where it may differ, and the {@link io.sparkmooncake.collectives.spi.Blocks#shape()} of blocks, 0 where there
 * are none.
 */
public final class Call {
    /** The count of a call whose ranks have counts of their own. */
    public static final long UNCOUNTED = -1;

    private static final int TYPE_SHIFT = 8;
    private static final int REDUCTION_SHIFT = 16;
    private static final int ROOT_SHIFT = 32;

    private Call() {}

    /**
     * Returns the first word.
     *
     * @param root −1 where there is none
     */
    public static long signature(Operation operation, @Nullable DataType type, @Nullable ReduceOp op, int root) {
        long typeByte = type == null ? 0 : type.number();
        long opByte = op == null ? 0 : op.number();
        return operation.number()
                | (typeByte << TYPE_SHIFT)
                | (opByte << REDUCTION_SHIFT)
                | ((1L + root) << ROOT_SHIFT);
    }

    /** Returns {@code #42 ALL_REDUCE float64[1024] SUM}; words that no rank wrote are left out. */
    public static String describe(long sequence, long signature, long count, long shape) {
        StringBuilder text = new StringBuilder(64).append('#').append(sequence);
        text.append(name(Operation.values(), Operation::number, signature));
        String type = name(DataType.values(), DataType::number, signature >> TYPE_SHIFT);
        if (!type.isEmpty()) {
            text.append(type.toLowerCase(Locale.ROOT));
            text.append(count == UNCOUNTED ? "" : "[" + count + "]");
        }
        text.append(name(ReduceOp.values(), ReduceOp::number, signature >> REDUCTION_SHIFT));
        if (shape != 0) {
            text.append(" blocks#").append(String.format(Locale.ROOT, "%08x", (int) (shape ^ (shape >>> 32))));
        }
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
