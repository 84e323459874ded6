// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.util.Map;

/**
 * One key a user may set.
 *
 * @param key full name
 * @param defaultText default as a user would write it
 * @param domain how values are written and which are allowed
 * @param doc one or two sentences for the settings page
 * @param since version that introduced it
 */
public record Setting<T>(String key, String defaultText, Domain<T> domain, String doc, String since) {
    /**
     * Reads this setting.
     *
     * @throws IllegalArgumentException naming key, value, what is allowed, default and the line to change
     */
    public T read(Map<String, String> conf) {
        String text = conf.getOrDefault(key, defaultText).trim();
        try {
            return domain.parse().apply(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    key + "=" + text + " is not valid: " + e.getMessage() + ". Allowed: " + domain.allowed()
                            + "; default: " + defaultText + ". Correct this line, or remove it to get the default",
                    e);
        }
    }
}
