// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The values a setting takes, and how its user writes them. What is said to be allowed and what is accepted are made from the
 * same limits.
 *
 * @param allowed what is accepted, in words
 * @param parse from text to value; its {@link IllegalArgumentException} says what is wrong with the text
 */
record Domain<T>(String allowed, Function<String, T> parse) {
    private static final Pattern NUMBER_AND_UNIT = Pattern.compile("(\\d{1,18})\\s*([a-z]*)");

    private static final Map<String, Long> BYTES_BY_UNIT = Map.ofEntries(
            Map.entry("", 1L),
            Map.entry("b", 1L),
            Map.entry("k", 1L << 10),
            Map.entry("kb", 1L << 10),
            Map.entry("m", 1L << 20),
            Map.entry("mb", 1L << 20),
            Map.entry("g", 1L << 30),
            Map.entry("gb", 1L << 30),
            Map.entry("t", 1L << 40),
            Map.entry("tb", 1L << 40));

    private static final Map<String, Long> MILLIS_BY_UNIT = Map.of(
            "ms", 1L,
            "s", 1_000L,
            "m", 60_000L,
            "min", 60_000L,
            "h", 3_600_000L);

    /** Sizes such as {@code 64m}; a bare number counts bytes. */
    static Domain<Long> bytes(String min, String max) {
        Limits limits = new Limits(min, bytesOf(min), max, bytesOf(max));
        return new Domain<>(min + " to " + max, text -> limits.check(text, bytesOf(text)));
    }

    /** A size, or {@code auto}: then empty. */
    static Domain<OptionalLong> bytesOrAuto(String min, String max) {
        Domain<Long> bytes = bytes(min, max);
        return new Domain<>(
                "auto, or " + bytes.allowed,
                text -> text.equalsIgnoreCase("auto")
                        ? OptionalLong.empty()
                        : OptionalLong.of(bytes.parse.apply(text)));
    }

    /** Durations such as {@code 30s}; always with a unit. */
    static Domain<Duration> duration(String min, String max) {
        Limits limits = new Limits(min, millisOf(min), max, millisOf(max));
        return new Domain<>(min + " to " + max, text -> Duration.ofMillis(limits.check(text, millisOf(text))));
    }

    /** Whole numbers. */
    static Domain<Integer> count(int min, int max) {
        Limits limits = new Limits(Integer.toString(min), min, Integer.toString(max), max);
        return new Domain<>(min + " to " + max, text -> {
            if (!text.matches("\\d{1,9}")) {
                throw new IllegalArgumentException("not a whole number");
            }
            return (int) limits.check(text, Long.parseLong(text));
        });
    }

    /** {@code true} or {@code false}. */
    static Domain<Boolean> trueOrFalse() {
        return new Domain<>("true or false", text -> switch (text.toLowerCase(Locale.ROOT)) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("neither true nor false");
        });
    }

    /** One of an enum's constants, written in lower case. */
    static <E extends Enum<E>> Domain<E> oneOf(Class<E> type) {
        List<String> words = Arrays.stream(type.getEnumConstants())
                .map(value -> value.name().toLowerCase(Locale.ROOT))
                .toList();
        String allowed = String.join(", ", words);
        return new Domain<>(allowed, text -> {
            String word = text.toLowerCase(Locale.ROOT);
            if (!words.contains(word)) {
                throw new IllegalArgumentException("not one of " + allowed);
            }
            return Enum.valueOf(type, word.toUpperCase(Locale.ROOT));
        });
    }

    /** A list in order of preference, without repetition. */
    static Domain<List<String>> someOf(String... words) {
        List<String> known = List.of(words);
        String allowed = String.join(", ", known);
        return new Domain<>("a comma-separated choice of " + allowed, text -> {
            List<String> chosen =
                    Arrays.stream(text.split(",", -1)).map(String::trim).toList();
            for (String word : chosen) {
                if (!known.contains(word)) {
                    throw new IllegalArgumentException("'" + word + "' is not one of " + allowed);
                }
            }
            if (new LinkedHashSet<>(chosen).size() < chosen.size()) {
                throw new IllegalArgumentException("a name is repeated");
            }
            return chosen;
        });
    }

    /** An absolute path of a directory that the executor may or may not have. */
    static Domain<String> directory() {
        return new Domain<>("an absolute path", text -> {
            if (!text.startsWith("/")) {
                throw new IllegalArgumentException("does not begin with /");
            }
            return text;
        });
    }

    private static long bytesOf(String text) {
        return scaled(text, BYTES_BY_UNIT, "not a size such as 64m; units are b, k, m, g, t");
    }

    private static long millisOf(String text) {
        return scaled(text, MILLIS_BY_UNIT, "not a duration such as 30s; units are ms, s, m, h");
    }

    private static long scaled(String text, Map<String, Long> unitSizes, String complaint) {
        Matcher matcher = NUMBER_AND_UNIT.matcher(text.toLowerCase(Locale.ROOT));
        Long unitSize = matcher.matches() ? unitSizes.get(matcher.group(2)) : null;
        if (unitSize == null) {
            throw new IllegalArgumentException(complaint);
        }
        long number = Long.parseLong(matcher.group(1));
        return number > Long.MAX_VALUE / unitSize ? Long.MAX_VALUE : number * unitSize;
    }

    /** Limits in numbers, and as they are written. */
    private record Limits(String minText, long min, String maxText, long max) {
        long check(String text, long value) {
            if (value < min) {
                throw new IllegalArgumentException(text + " is less than min=" + minText);
            }
            if (value > max) {
                throw new IllegalArgumentException(text + " is more than max=" + maxText);
            }
            return value;
        }
    }
}
