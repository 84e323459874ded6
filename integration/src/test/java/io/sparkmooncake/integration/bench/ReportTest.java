// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReportTest {

    @Test
    void fileHoldsTheRowsTheirSamplesAndTheMachine(@TempDir Path folder) throws IOException {
        Samples samples = new Samples(List.of(1.0, 3.0), List.of(4.0));
        Report.Row row = new Report.Row("terasort/wall", 2, 4, 0.5, "s", samples);
        Report.Row nothing = new Report.Row("terasort/fetch wait", 1, 0, null, "s", samples);
        Machine machine = Machine.here("4.1.3");

        new Report("shuffle", List.of("mooncake", "stock"), machine, List.of(row, nothing))
                .write(folder.resolve("bench/shuffle.json"));

        JsonNode file = new ObjectMapper().readTree(Files.readString(folder.resolve("bench/shuffle.json")));
        assertThat(file.at("/machine/spark").asText()).isEqualTo("4.1.3");
        assertThat(file.at("/machine/cores").asInt()).isPositive();
        assertThat(file.at("/rows/0/name").asText()).isEqualTo("terasort/wall");
        assertThat(file.at("/rows/0/ratio").asDouble()).isEqualTo(0.5);
        assertThat(file.at("/rows/0/samples/ours/1").asDouble()).isEqualTo(3);
        assertThat(file.at("/rows/1/ratio").isNull()).isTrue();
    }
}
