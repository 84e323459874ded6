// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/** The two floating-point types of 16 bits: into {@code float} exactly, back by rounding to the nearest, ties to even; every NaN to the one of Java. */
final class HalfFloats {
    private static final int EXPONENT_BITS16 = 0x7c00;
    private static final int EXPONENT_SHIFT = 13;
    private static final int SIGN16 = 0x8000;
    /** 2^112: what the exponents of the two formats differ by. */
    private static final float REBIAS = Float.intBitsToFloat((127 + 112) << 23);
    /** Least float whose half is infinite. */
    private static final int OVERFLOW_BITS = 0x477ff000;
    /** Least float whose half is normal: 2^-14. */
    private static final int NORMAL_BITS = 0x38800000;
    /** 0.5: adding it leaves a subnormal half in the lowest bits, rounded. */
    private static final int DENORMAL_MAGIC = 126 << 23;

    private static final int FLOAT_INFINITY = 0x7f800000;
    private static final short NAN16 = 0x7e00;
    private static final short BRAIN_NAN = 0x7fc0;

    private HalfFloats() {}

    static float toFloat(short half) {
        int magnitude = half & (SIGN16 - 1);
        int bits = magnitude << EXPONENT_SHIFT;
        int sign = (half & SIGN16) << 16;
        if (magnitude >= EXPONENT_BITS16) {
            return Float.intBitsToFloat(sign | FLOAT_INFINITY | bits);
        }
        // Exact for subnormals too: the product is normal.
        return Float.intBitsToFloat(sign | Float.floatToRawIntBits(Float.intBitsToFloat(bits) * REBIAS));
    }

    static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = (bits >>> 16) & SIGN16;
        int magnitude = bits & 0x7fffffff;
        if (magnitude > FLOAT_INFINITY) {
            return NAN16;
        }
        if (magnitude >= OVERFLOW_BITS) {
            return (short) (sign | EXPONENT_BITS16);
        }
        if (magnitude < NORMAL_BITS) {
            float shifted = Float.intBitsToFloat(magnitude) + Float.intBitsToFloat(DENORMAL_MAGIC);
            return (short) (sign | (Float.floatToRawIntBits(shifted) - DENORMAL_MAGIC));
        }
        int odd = (magnitude >>> EXPONENT_SHIFT) & 1;
        int rounded = magnitude - (112 << 23) + 0xfff + odd;
        return (short) (sign | (rounded >>> EXPONENT_SHIFT));
    }

    static float brainToFloat(short brain) {
        return Float.intBitsToFloat(brain << 16);
    }

    static short brainFromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & 0x7fffffff) > FLOAT_INFINITY) {
            return BRAIN_NAN;
        }
        int odd = (bits >>> 16) & 1;
        return (short) ((bits + 0x7fff + odd) >>> 16);
    }

    static void widen(DataType type, ShortBuffer source, int from, FloatBuffer target, int at, int count) {
        if (type == DataType.FLOAT16) {
            for (int i = 0; i < count; i++) {
                target.put(at + i, toFloat(source.get(from + i)));
            }
        } else {
            for (int i = 0; i < count; i++) {
                target.put(at + i, brainToFloat(source.get(from + i)));
            }
        }
    }

    static void round(DataType type, FloatBuffer source, int from, ShortBuffer target, int at, int count) {
        if (type == DataType.FLOAT16) {
            for (int i = 0; i < count; i++) {
                target.put(at + i, fromFloat(source.get(from + i)));
            }
        } else {
            for (int i = 0; i < count; i++) {
                target.put(at + i, brainFromFloat(source.get(from + i)));
            }
        }
    }

    static void reduceFloat16(ReduceOp op, float[] into, int at, ShortBuffer operand, int from, int count) {
        switch (op) {
            case SUM, AVG -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] += toFloat(operand.get(from + i));
                }
            }
            case PROD -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] *= toFloat(operand.get(from + i));
                }
            }
            case MIN -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.min(into[at + i], toFloat(operand.get(from + i)));
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.max(into[at + i], toFloat(operand.get(from + i)));
                }
            }
            case AND, OR, XOR -> throw new IllegalArgumentException(op + " of float16");
        }
    }

    static void reduceBrain(ReduceOp op, float[] into, int at, ShortBuffer operand, int from, int count) {
        switch (op) {
            case SUM, AVG -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] += brainToFloat(operand.get(from + i));
                }
            }
            case PROD -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] *= brainToFloat(operand.get(from + i));
                }
            }
            case MIN -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.min(into[at + i], brainToFloat(operand.get(from + i)));
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.max(into[at + i], brainToFloat(operand.get(from + i)));
                }
            }
            case AND, OR, XOR -> throw new IllegalArgumentException(op + " of bfloat16");
        }
    }
}
