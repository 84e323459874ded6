// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ZeroTest {
    @ParameterizedTest
    @ValueSource(doubles = {0, -0.0, 1, Double.NEGATIVE_INFINITY, Double.NaN})
    void aMillionEqualNumbersTravelAsOne(double value) throws IOException {
        double[] zero = new double[1_000_000];
        Arrays.fill(zero, value);
        assertThat(bytes(Zero.of(zero))).isLessThan(300);
        assertThat(Zero.of(zero).toArray()).isEqualTo(zero); // containsExactly takes the square of the length
    }

    @Test
    void differentNumbersTravelAsTheyAre() {
        double[] zero = {0, -0.0, 3};
        double[] array = Zero.of(zero).toArray();
        assertThat(array).containsExactly(zero).isNotSameAs(zero);
        assertThat(Zero.of(new double[0]).toArray()).isEmpty();
    }

    @Test
    void everyFoldGetsAnArrayOfItsOwn() {
        Zero zero = Zero.of(new double[] {5});
        zero.toArray()[0] = 6;
        assertThat(zero.toArray()).containsExactly(5);
    }

    private static int bytes(Object object) throws IOException {
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        try (ObjectOutputStream stream = new ObjectOutputStream(written)) {
            stream.writeObject(object);
        }
        return written.size();
    }
}
