// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a comparison found.
 *
 * @param name name of the comparison
 * @param seats names of the two sides, ours first
 * @param machine where it ran
 * @param rows one row per work and measure
 */
record Report(String name, List<String> seats, Machine machine, List<Row> rows) {

    /** One quantity of one work; {@code ratio} is ours by the peer's median, null where the peer took nothing. */
    record Row(
            String name,
            double ours,
            double peer,
            @org.jspecify.annotations.Nullable Double ratio,
            String unit,
            Samples samples) {}

    /** Copies the lists. */
    Report {
        seats = List.copyOf(seats);
        rows = List.copyOf(rows);
    }

    static List<Row> rowsOf(Comparison comparison) {
        List<Row> rows = new ArrayList<>();
        for (String work : comparison.rows()) {
            for (Measure measure : Measure.ALL) {
                Samples samples = comparison.samples(work, measure.quantity());
                rows.add(new Row(
                        work + "/" + measure.title(),
                        samples.oursMedian(),
                        samples.peerMedian(),
                        Double.isNaN(samples.ratio()) ? null : samples.ratio(),
                        measure.unit(),
                        samples));
            }
        }
        return rows;
    }

    void write(Path file) throws IOException {
        ObjectMapper json = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.writeString(file, json.writeValueAsString(this) + "\n");
    }

    Table table() {
        Table table = new Table("work", "unit", seats.get(0), seats.get(1), "ratio");
        for (Row row : rows) {
            table.add(
                    row.name,
                    row.unit,
                    Table.number(row.ours),
                    Table.number(row.peer),
                    row.ratio == null ? "-" : Table.number(row.ratio));
        }
        return table;
    }
}
