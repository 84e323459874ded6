// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class CallTest {
    @Test
    void describesWhatWasCalled() {
        assertThat(Call.describe(
                        42, Call.signature(Operation.ALL_REDUCE, DataType.FLOAT32, ReduceOp.SUM, -1), 1_024, 0))
                .isEqualTo("#42 ALL_REDUCE float32[1024] SUM");
        assertThat(Call.describe(1L << 40, Call.signature(Operation.BROADCAST, DataType.INT8, null, 0), 1L << 40, 0))
                .isEqualTo("#1099511627776 BROADCAST int8[1099511627776] root=0");
        assertThat(Call.describe(7, Call.signature(Operation.BARRIER, null, null, -1), 0, 0))
                .isEqualTo("#7 BARRIER");
    }

    @Test
    void describesWordsThatNoRankWrote() {
        assertThat(Call.describe(0, 0, 0, 0)).isEqualTo("#0");
        assertThat(Call.describe(1, 0xffffffL, 3, 0)).isEqualTo("#1");
    }

    @Test
    void noTwoCallsHaveOneSignature() {
        Set<Long> signatures = new HashSet<>();
        int calls = 0;
        for (Operation operation : Operation.values()) {
            for (DataType type : DataType.values()) {
                for (ReduceOp op : ReduceOp.values()) {
                    for (int root : new int[] {-1, 0, 1, Integer.MAX_VALUE - 1}) {
                        signatures.add(Call.signature(operation, type, op, root));
                        calls++;
                    }
                }
            }
        }
        assertThat(signatures).hasSize(calls);
    }
}
