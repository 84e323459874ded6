// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The 22 queries in the manner of TPC-H, over generated tables of its sizes and key relations. The numbers are not TPC-H
 * results: money is in cents, and the results are not limited.
 */
public final class TpchQueries {
    private static final String FILE = "tpch.sql";

    private TpchQueries() {}

    /** Returns the names of all queries, {@code q1} to {@code q22}. */
    public static List<String> names() {
        return List.copyOf(queries().keySet());
    }

    /** The query called {@code name}, such as {@code q3}, over the tables at the argument {@code scale}. */
    static SqlQuery named(String name, Arguments arguments) {
        return named(name, Double.parseDouble(arguments.text("scale", "1")));
    }

    /** Returns the query called {@code name}, such as {@code q3}, over tables of TPC-H's sizes times {@code scale}. */
    public static SqlQuery named(String name, double scale) {
        Map<String, String> queries = queries();
        String query = queries.get(name);
        if (query == null) {
            throw new IllegalArgumentException("no TPC-H-like query '" + name + "'; known: " + queries.keySet());
        }
        return new SqlQuery(TpchTables.views(scale), query);
    }

    private static Map<String, String> queries() {
        Map<String, String> queries = new LinkedHashMap<>();
        try (InputStream file = Objects.requireNonNull(TpchQueries.class.getResourceAsStream(FILE), FILE)) {
            String text = new String(file.readAllBytes(), StandardCharsets.UTF_8);
            String[] parts = text.split("(?m)^-- q", -1);
            for (String part : List.of(parts).subList(1, parts.length)) {
                int end = part.indexOf('\n');
                queries.put(
                        "q" + part.substring(0, end).strip(),
                        part.substring(end).strip());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return queries;
    }
}
