// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.ArrayList;
import java.util.List;

/** The arithmetic of each type and operation, written down a second time, plainly and one element after the other. */
public final class SequentialReference {
    private static final int UNSIGNED = 0xff;

    private SequentialReference() {}

    /** Reduces the vectors of all ranks in the order of the list. */
    public static List<Number> reduce(DataType type, ReduceOp op, List<List<Number>> operands) {
        List<Number> result = new ArrayList<>(operands.get(0).size());
        for (int i = 0; i < operands.get(0).size(); i++) {
            Number value = load(type, operands.get(0).get(i));
            for (List<Number> operand : operands.subList(1, operands.size())) {
                value = fold(type, op, value, load(type, operand.get(i)));
            }
            result.add(store(type, op == ReduceOp.AVG ? divided(value, operands.size()) : value));
        }
        return result;
    }

    /** Takes an element into the type in which it is reduced. */
    private static Number load(DataType type, Number value) {
        return switch (type) {
            case FLOAT16 -> half(value.shortValue());
            case BFLOAT16 -> Float.intBitsToFloat(value.shortValue() << 16);
            default -> value;
        };
    }

    private static Number store(DataType type, Number value) {
        return switch (type) {
            case FLOAT16 -> nearestHalf(value.floatValue());
            case BFLOAT16 -> nearestBrain(value.floatValue());
            default -> value;
        };
    }

    private static Number divided(Number value, int ranks) {
        return value instanceof Double wide ? (Number) (wide / ranks) : (Number) (value.floatValue() / ranks);
    }

    private static Number fold(DataType type, ReduceOp op, Number a, Number b) {
        if (a instanceof Double x && b instanceof Double y) {
            return switch (op) {
                case SUM, AVG -> x + y;
                case PROD -> x * y;
                case MIN -> Math.min(x, y);
                case MAX -> Math.max(x, y);
                case AND, OR, XOR -> throw new AssertionError(op);
            };
        }
        if (a instanceof Float x && b instanceof Float y) {
            return switch (op) {
                case SUM, AVG -> x + y;
                case PROD -> x * y;
                case MIN -> Math.min(x, y);
                case MAX -> Math.max(x, y);
                case AND, OR, XOR -> throw new AssertionError(op);
            };
        }
        boolean unsigned = type == DataType.UINT8;
        long wide = integer(
                op,
                unsigned ? a.longValue() & UNSIGNED : a.longValue(),
                unsigned ? b.longValue() & UNSIGNED : b.longValue());
        if (a instanceof Byte) {
            return (byte) wide;
        }
        if (a instanceof Integer) {
            return (int) wide;
        }
        return wide;
    }

    private static long integer(ReduceOp op, long x, long y) {
        return switch (op) {
            case SUM -> x + y;
            case PROD -> x * y;
            case MIN -> Math.min(x, y);
            case MAX -> Math.max(x, y);
            case AND -> x & y;
            case OR -> x | y;
            case XOR -> x ^ y;
            case AVG -> throw new AssertionError(op);
        };
    }

    /** Returns the value of a half by its definition. */
    public static float half(short bits) {
        int exponent = (bits >> 10) & 0x1f;
        int fraction = bits & 0x3ff;
        float sign = bits < 0 ? -1 : 1;
        if (exponent == 0x1f) {
            return fraction == 0 ? sign / 0f : Float.NaN;
        }
        return exponent == 0
                ? sign * Math.scalb((float) fraction, -24)
                : sign * Math.scalb((float) (fraction + 0x400), exponent - 25);
    }

    /** Returns the nearest half by its definition: a multiple of the spacing around the value, ties to the even one. */
    public static short nearestHalf(float value) {
        int sign = Float.floatToRawIntBits(value) < 0 ? 0x8000 : 0;
        if (Float.isNaN(value)) {
            return 0x7e00;
        }
        double magnitude = Math.abs((double) value);
        if (magnitude >= 65_520) {
            return (short) (sign | 0x7c00);
        }
        int exponent = Math.max(-14, Math.getExponent(magnitude));
        long steps = (long) Math.rint(Math.scalb(magnitude, 10 - exponent));
        // A carry into the next exponent, and from subnormal to normal, is the addition of integers.
        return (short) (sign | (((exponent + 14L) << 10) + steps));
    }

    public static short nearestBrain(float value) {
        int bits = Float.floatToRawIntBits(value);
        int kept = bits & 0xffff0000;
        if (Float.isNaN(value)) {
            return 0x7fc0;
        }
        int rest = bits & 0xffff;
        boolean up = rest > 0x8000 || (rest == 0x8000 && (kept & 0x10000) != 0);
        return (short) ((up ? kept + 0x10000 : kept) >>> 16);
    }
}
