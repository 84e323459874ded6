// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/** One suite of {@code spark-suites.txt}: its set, its class, its tests that cannot apply and its settings. */
record SuitePlan(String set, String className, List<String> excluded, Map<String, String> settings) {
    private static final String LIST = "/spark-suites.txt";

    SuitePlan {
        excluded = List.copyOf(excluded);
        settings = Map.copyOf(settings);
    }

    /** Returns the suites of a set ({@code fast}, {@code all}), or those that are named, separated by commas. */
    static List<SuitePlan> chosen(String suites) throws IOException {
        List<SuitePlan> listed = listed();
        if (suites.equals("all")) {
            return listed;
        }
        if (suites.equals("fast")) {
            return listed.stream().filter(plan -> plan.set.equals("fast")).toList();
        }
        List<SuitePlan> named = new ArrayList<>();
        for (String name : suites.split(",", -1)) {
            named.add(listed.stream()
                    .filter(plan -> plan.className.equals(name) || plan.className.endsWith("." + name))
                    .findFirst()
                    .orElseGet(() -> new SuitePlan("named", name, List.of(), Map.of())));
        }
        return named;
    }

    private static List<SuitePlan> listed() throws IOException {
        List<SuitePlan> plans = new ArrayList<>();
        try (InputStream in = Objects.requireNonNull(SuitePlan.class.getResourceAsStream(LIST), LIST)) {
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList()) {
                if (line.startsWith("- ")) {
                    SuitePlan last = plans.remove(plans.size() - 1);
                    List<String> excluded = new ArrayList<>(last.excluded);
                    excluded.add(excludedTest(line));
                    plans.add(new SuitePlan(last.set, last.className, excluded, last.settings));
                } else if (!line.startsWith("#") && !line.isBlank()) {
                    List<String> words = List.of(line.split(" ", -1));
                    plans.add(new SuitePlan(words.get(0), words.get(1), List.of(), settings(words)));
                }
            }
        }
        return plans;
    }

    private static Map<String, String> settings(List<String> words) {
        return words.stream()
                .skip(2)
                .map(setting -> setting.split("=", 2))
                .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    }

    private static String excludedTest(String line) {
        int reason = line.indexOf(" :: ");
        if (reason < 0) {
            throw new IllegalStateException(LIST + ": a test is excluded without ' :: reason': " + line);
        }
        return line.substring(2, reason);
    }
}
