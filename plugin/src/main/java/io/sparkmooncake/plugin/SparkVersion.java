// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The part of Spark's version that decides what it can do; vendors append their own. */
record SparkVersion(int major, int minor) implements Comparable<SparkVersion> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,4})\\.(\\d{1,4})(\\D.*)?");

    static Optional<SparkVersion> parse(String text) {
        Matcher matcher = FORM.matcher(text.trim());
        return matcher.matches()
                ? Optional.of(new SparkVersion(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2))))
                : Optional.empty();
    }

    boolean isAtLeast(int otherMajor, int otherMinor) {
        return compareTo(new SparkVersion(otherMajor, otherMinor)) >= 0;
    }

    @Override
    public int compareTo(SparkVersion other) {
        return major == other.major ? Integer.compare(minor, other.minor) : Integer.compare(major, other.major);
    }

    @Override
    public String toString() {
        return major + "." + minor;
    }
}
