// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import java.util.Locale;

/** Types of elements. */
public enum DataType {
    /** Signed bytes; sums and products wrap. */
    INT8(1, 1),
    /** Java's {@code int}; sums and products wrap. */
    INT32(2, 4),
    /** Java's {@code long}; sums and products wrap. */
    INT64(3, 8),
    /** Java's {@code float}. */
    FLOAT32(4, 4),
    /** Java's {@code double}. */
    FLOAT64(5, 8),
    /** Unsigned bytes; sums and products wrap. */
    UINT8(6, 1),
    /** IEEE 754 binary16 in a {@code short}; reduced as {@link #FLOAT32} and rounded once, at the end. */
    FLOAT16(7, 2),
    /** The upper half of a {@code float} in a {@code short}; reduced as {@link #FLOAT32} and rounded once, at the end. */
    BFLOAT16(8, 2),
    /** A byte, 0 or 1; other values are the caller's error and give any result. */
    BOOLEAN(9, 1);

    private final int number;
    private final int sizeBytes;
    private final String label;

    DataType(int number, int sizeBytes) {
        this.number = number;
        this.sizeBytes = sizeBytes;
        this.label = name().toLowerCase(Locale.ROOT);
    }

    /** Returns the number by which ranks tell each other the type: 1 to 255, never given to another one. */
    public int number() {
        return number;
    }

    /** Returns the bytes of one element. */
    public int sizeBytes() {
        return sizeBytes;
    }

    /** Returns the name as error messages show it: {@code float64}. */
    public String label() {
        return label;
    }

    /** Returns the type in which elements of this one are reduced: {@link #FLOAT32} for the two of 16 bits, else itself. */
    public DataType accumulator() {
        return this == FLOAT16 || this == BFLOAT16 ? FLOAT32 : this;
    }

    /** True for the four types of floating point. */
    public boolean isFloating() {
        return this == FLOAT16 || this == BFLOAT16 || this == FLOAT32 || this == FLOAT64;
    }
}
