// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums of arrays and memory outside the heap, which the compiler of Java 17 does not vectorise, with the Vector API of JEP 414. Each
 * element is one addition, so the bits are those of a plain loop, but for which NaN of two it is. Four vectors a turn: one is half as fast.
 *
 * <p>Only {@code WideSums} may load this class: the module that it needs is not there in every JVM.
 */
final class VectorLoops {
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final int UNROLLED = 4;

    private VectorLoops() {}

    static int sum(double[] into, int at, ByteBuffer operand, int from, int count) {
        int length = DOUBLES.length();
        int turn = UNROLLED * length;
        int end = count - count % turn;
        for (int i = 0; i < end; i += turn) {
            add(into, at + i, operand, from + i);
            add(into, at + i + length, operand, from + i + length);
            add(into, at + i + 2 * length, operand, from + i + 2 * length);
            add(into, at + i + 3 * length, operand, from + i + 3 * length);
        }
        return end;
    }

    private static void add(double[] into, int at, ByteBuffer operand, int from) {
        DoubleVector added =
                DoubleVector.fromByteBuffer(DOUBLES, operand, from * Double.BYTES, ByteOrder.nativeOrder());
        DoubleVector.fromArray(DOUBLES, into, at).add(added).intoArray(into, at);
    }

    static int sum(float[] into, int at, ByteBuffer operand, int from, int count) {
        int length = FLOATS.length();
        int turn = UNROLLED * length;
        int end = count - count % turn;
        for (int i = 0; i < end; i += turn) {
            add(into, at + i, operand, from + i);
            add(into, at + i + length, operand, from + i + length);
            add(into, at + i + 2 * length, operand, from + i + 2 * length);
            add(into, at + i + 3 * length, operand, from + i + 3 * length);
        }
        return end;
    }

    private static void add(float[] into, int at, ByteBuffer operand, int from) {
        FloatVector added = FloatVector.fromByteBuffer(FLOATS, operand, from * Float.BYTES, ByteOrder.nativeOrder());
        FloatVector.fromArray(FLOATS, into, at).add(added).intoArray(into, at);
    }
}
