// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Rows of text in columns as wide as they need to be: the first to the left, the others to the right. */
final class Table {
    private final List<List<String>> rows = new ArrayList<>();

    Table(String... titles) {
        rows.add(List.of(titles));
    }

    void add(String... cells) {
        if (cells.length != rows.get(0).size()) {
            throw new IllegalArgumentException(
                    "cells=" + cells.length + " columns=" + rows.get(0).size());
        }
        rows.add(List.of(cells));
    }

    /** A number with two decimals, or with none from 1,000 on; "-" where there is none. */
    static String number(double value) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, value < 1000 ? "%.2f" : "%,.0f", value);
    }

    @Override
    public String toString() {
        int[] widths = IntStream.range(0, rows.get(0).size())
                .map(column -> rows.stream()
                        .mapToInt(row -> row.get(column).length())
                        .max()
                        .orElse(0))
                .toArray();
        return rows.stream().map(row -> line(row, widths)).collect(Collectors.joining("\n"));
    }

    private static String line(List<String> row, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < widths.length; column++) {
            String padding = " ".repeat(widths[column] - row.get(column).length());
            line.append(column == 0 ? row.get(column) + padding : "  " + padding + row.get(column));
        }
        return line.toString().stripTrailing();
    }
}
