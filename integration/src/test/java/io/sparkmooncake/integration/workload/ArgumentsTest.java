// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Set;
import org.junit.jupiter.api.Test;

final class ArgumentsTest {
    private static final Set<String> KNOWN = Set.of("size", "rows", "quick");

    @Test
    void readsSizesNumbersAndSwitches() {
        Arguments arguments = parse("--size", "3g", "--quick", "--rows", "12");

        assertThat(arguments.bytes("size", "1m")).isEqualTo(3L << 30);
        assertThat(arguments.count("rows", 1)).isEqualTo(12);
        assertThat(arguments.isOn("quick")).isTrue();
        assertThat(parse().bytes("size", "100m")).isEqualTo(100L << 20);
        assertThat(parse("--size", Long.toString(8L << 30)).bytes("size", "1m")).isEqualTo(8L << 30);
        assertThat(parse("--size", "512").bytes("size", "1m")).isEqualTo(512);
    }

    @Test
    void namesWhatItDoesNotUnderstand() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("--row", "5"))
                .withMessage("unknown argument '--row'; known: --quick, --rows, --size");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("--size", "1x").bytes("size", "1m"))
                .withMessageContaining("--size takes a size such as 100m or 1g, not '1x'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("--rows", "0").count("rows", 1))
                .withMessageContaining("--rows takes a number from 1 on, not 0");
    }

    private static Arguments parse(String... words) {
        return Arguments.parse(words, KNOWN);
    }
}
