// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.util.Map;
import java.util.function.Function;

/**
 * One key a user may set.
 *
 * @param key full name, {@code spark.mooncake.…}
 * @param unit how its value is written: {@code bytes}, {@code duration}, {@code count}, {@code boolean}, {@code text}
 * @param defaultText default as a user would write it
 * @param range what is allowed, in words
 * @param doc one or two sentences for the settings page
 * @param since version that introduced it
 * @param parse from text to value; an {@link IllegalArgumentException} says what is allowed
 */
public record Setting<T>(
        String key,
        String unit,
        String defaultText,
        String range,
        String doc,
        String since,
        Function<String, T> parse) {

    /**
     * Reads this setting.
     *
     * @throws IllegalArgumentException naming key, value, range and default
     */
    public T read(Map<String, String> conf) {
        String text = conf.getOrDefault(key, defaultText);
        try {
            return parse.apply(text.trim());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    key + "=" + text + " is not valid (" + e.getMessage() + "). Allowed: " + range + "; default: "
                            + defaultText,
                    e);
        }
    }
}
