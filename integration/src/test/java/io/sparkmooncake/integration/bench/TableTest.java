// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class TableTest {

    @Test
    void columnsAreAsWideAsTheirWidestCell() {
        Table table = new Table("work", "s", "ratio");
        table.add("terasort", Table.number(1234.4), Table.number(0.456));
        table.add("sql", Table.number(7), Table.number(Double.NaN));

        assertThat(table.toString()).isEqualTo("""
                work          s  ratio
                terasort  1,234   0.46
                sql        7.00      -""");
    }
}
