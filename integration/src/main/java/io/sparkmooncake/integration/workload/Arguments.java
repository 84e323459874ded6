// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Command-line arguments of the form {@code --name value}; a name without a value is a switch.
 *
 * @param values value by name, in the order given
 */
public record Arguments(Map<String, String> values) {

    /** Keeps the order of {@code values}. */
    public Arguments {
        values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /** Reads {@code words}; a name that is not among {@code known} is an error. */
    public static Arguments parse(String[] words, Set<String> known) {
        Map<String, String> values = new LinkedHashMap<>();
        for (int at = 0; at < words.length; at++) {
            String name = words[at].startsWith("--") ? words[at].substring(2) : "";
            if (!known.contains(name)) {
                throw new IllegalArgumentException("unknown argument '" + words[at] + "'; known: --"
                        + String.join(", --", known.stream().sorted().toList()));
            }
            boolean hasValue = at + 1 < words.length && !words[at + 1].startsWith("--");
            values.put(name, hasValue ? words[++at] : "true");
        }
        return new Arguments(values);
    }

    /** The value of {@code name}, or {@code otherwise}. */
    public String text(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }

    /** The whole number at {@code name}, or {@code otherwise}. */
    public long number(String name, long otherwise) {
        String text = text(name, Long.toString(otherwise));
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException notANumber) {
            throw new IllegalArgumentException("--" + name + " takes a whole number, not '" + text + "'", notANumber);
        }
    }

    /** The number of things at {@code name}, at least 1, or {@code otherwise}. */
    public int count(String name, int otherwise) {
        long count = number(name, otherwise);
        if (count < 1 || count > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("--" + name + " takes a number from 1 on, not " + count);
        }
        return (int) count;
    }

    /** The size at {@code name}, such as {@code 100m} or {@code 1g}, or {@code otherwise}. */
    public long bytes(String name, String otherwise) {
        String text = text(name, otherwise).toLowerCase(Locale.ROOT);
        int unit = text.isEmpty() ? -1 : "kmgt".indexOf(text.charAt(text.length() - 1));
        String digits = unit < 0 ? text : text.substring(0, text.length() - 1);
        if (!digits.matches(unit < 0 ? "[0-9]{1,18}" : "[0-9]{1,6}")) {
            throw new IllegalArgumentException("--" + name + " takes a size such as 100m or 1g, not '" + text + "'");
        }
        return Long.parseLong(digits) << (10 * (unit + 1));
    }

    /** Whether the switch {@code name} is on. */
    public boolean isOn(String name) {
        return Boolean.parseBoolean(text(name, "false"));
    }
}
