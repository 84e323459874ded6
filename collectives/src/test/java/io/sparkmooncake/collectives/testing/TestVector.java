// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Vectors as lists of boxed numbers, and the arithmetic of each type written down a second time. */
public final class TestVector {
    private static final int MARGIN = 3;

    private TestVector() {}

    public static List<Number> random(DataType type, int count, Random random) {
        List<Number> values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(
                    switch (type) {
                        case INT8 -> (byte) random.nextInt();
                        case INT32 -> random.nextInt();
                        case INT64 -> random.nextLong();
                        case FLOAT32 -> (float) floating(random);
                        case FLOAT64 -> floating(random);
                    });
        }
        return values;
    }

    private static double floating(Random random) {
        return switch (random.nextInt(64)) {
            case 0 -> Double.NaN;
            case 1 -> Double.NEGATIVE_INFINITY;
            case 2 -> -0.0;
            case 3 -> 0.0;
            default -> random.nextGaussian() * 1e3;
        };
    }

    public static List<Number> fold(ReduceOp op, List<Number> left, List<Number> right) {
        List<Number> result = new ArrayList<>(left.size());
        for (int i = 0; i < left.size(); i++) {
            result.add(fold(op, left.get(i), right.get(i)));
        }
        return result;
    }

    private static Number fold(ReduceOp op, Number a, Number b) {
        if (a instanceof Double) {
            double x = a.doubleValue();
            double y = b.doubleValue();
            return switch (op) {
                case SUM -> x + y;
                case PROD -> x * y;
                case MIN -> Math.min(x, y);
                case MAX -> Math.max(x, y);
            };
        }
        if (a instanceof Float) {
            float x = a.floatValue();
            float y = b.floatValue();
            return switch (op) {
                case SUM -> x + y;
                case PROD -> x * y;
                case MIN -> Math.min(x, y);
                case MAX -> Math.max(x, y);
            };
        }
        long x = a.longValue();
        long y = b.longValue();
        long wide = switch (op) {
            case SUM -> x + y;
            case PROD -> x * y;
            case MIN -> Math.min(x, y);
            case MAX -> Math.max(x, y);
        };
        if (a instanceof Byte) {
            return (byte) wide;
        }
        if (a instanceof Integer) {
            return (int) wide;
        }
        return wide;
    }

    /** Puts the values into the middle of a Java array. */
    public static Elements onHeap(DataType type, List<Number> values) {
        return fill(middle(type, values.size()), values);
    }

    /** Puts the values into memory outside the heap. */
    public static Elements offHeap(DataType type, List<Number> values) {
        return fill(direct(type, values.size()), values);
    }

    private static Elements fill(Elements elements, List<Number> values) {
        for (int i = 0; i < values.size(); i++) {
            set(elements, i, values.get(i));
        }
        return elements;
    }

    private static Elements direct(DataType type, int count) {
        return Elements.of(ByteBuffer.allocateDirect(count * type.sizeBytes()), type);
    }

    private static Elements middle(DataType type, int count) {
        int length = count + 2 * MARGIN;
        return switch (type) {
            case INT8 -> Elements.of(new byte[length], MARGIN, count);
            case INT32 -> Elements.of(new int[length], MARGIN, count);
            case INT64 -> Elements.of(new long[length], MARGIN, count);
            case FLOAT32 -> Elements.of(new float[length], MARGIN, count);
            case FLOAT64 -> Elements.of(new double[length], MARGIN, count);
        };
    }

    private static void set(Elements elements, int at, Number value) {
        if (elements instanceof Elements.Int8 vector) {
            vector.buffer().put(at, value.byteValue());
        } else if (elements instanceof Elements.Int32 vector) {
            vector.buffer().put(at, value.intValue());
        } else if (elements instanceof Elements.Int64 vector) {
            vector.buffer().put(at, value.longValue());
        } else if (elements instanceof Elements.Float32 vector) {
            vector.buffer().put(at, value.floatValue());
        } else if (elements instanceof Elements.Float64 vector) {
            vector.buffer().put(at, value.doubleValue());
        }
    }

    public static List<Number> values(Elements elements) {
        List<Number> values = new ArrayList<>(elements.count());
        for (int i = 0; i < elements.count(); i++) {
            values.add(get(elements, i));
        }
        return values;
    }

    private static Number get(Elements elements, int at) {
        if (elements instanceof Elements.Int8 vector) {
            return vector.buffer().get(at);
        } else if (elements instanceof Elements.Int32 vector) {
            return vector.buffer().get(at);
        } else if (elements instanceof Elements.Int64 vector) {
            return vector.buffer().get(at);
        } else if (elements instanceof Elements.Float32 vector) {
            return vector.buffer().get(at);
        }
        return ((Elements.Float64) elements).buffer().get(at);
    }
}
