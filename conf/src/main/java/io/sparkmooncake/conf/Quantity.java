// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Parsers for values with units, as Spark users write them: {@code 64m}, {@code 30s}. */
final class Quantity {
    private static final Pattern NUMBER_AND_UNIT = Pattern.compile("(\\d{1,18})\\s*([a-z]*)");

    private Quantity() {}

    static Function<String, Long> bytes(long min, long max) {
        return text -> between(parseBytes(text), min, max);
    }

    static Function<String, Duration> duration(Duration min, Duration max) {
        return text -> Duration.ofMillis(between(parseMillis(text), min.toMillis(), max.toMillis()));
    }

    static Function<String, Integer> count(int min, int max) {
        return text -> {
            if (!text.matches("\\d{1,9}")) {
                throw new IllegalArgumentException("not a whole number");
            }
            return (int) between(Long.parseLong(text), min, max);
        };
    }

    static boolean parseBoolean(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("neither true nor false");
        };
    }

    private static long between(long value, long min, long max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException("value=" + value + " outside min=" + min + " max=" + max);
        }
        return value;
    }

    private static long parseBytes(String text) {
        Matcher matcher = match(text, "a number of bytes with a unit such as 64m");
        return Math.multiplyExact(
                Long.parseLong(matcher.group(1)),
                switch (matcher.group(2)) {
                    case "", "b" -> 1L;
                    case "k", "kb" -> 1L << 10;
                    case "m", "mb" -> 1L << 20;
                    case "g", "gb" -> 1L << 30;
                    case "t", "tb" -> 1L << 40;
                    default -> throw new IllegalArgumentException("unknown unit of bytes");
                });
    }

    private static long parseMillis(String text) {
        Matcher matcher = match(text, "a duration with a unit such as 30s");
        return Math.multiplyExact(
                Long.parseLong(matcher.group(1)),
                switch (matcher.group(2)) {
                    case "ms" -> 1L;
                    case "", "s" -> 1_000L;
                    case "m", "min" -> 60_000L;
                    case "h" -> 3_600_000L;
                    default -> throw new IllegalArgumentException("unknown unit of time");
                });
    }

    private static Matcher match(String text, String expected) {
        Matcher matcher = NUMBER_AND_UNIT.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException("not " + expected);
        }
        return matcher;
    }
}
