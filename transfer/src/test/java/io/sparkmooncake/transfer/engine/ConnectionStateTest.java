// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static io.sparkmooncake.transfer.engine.ConnectionState.CONNECTED;
import static io.sparkmooncake.transfer.engine.ConnectionState.LOST;
import static io.sparkmooncake.transfer.engine.ConnectionState.WAITING_PEER_WARMUP;
import static io.sparkmooncake.transfer.engine.ConnectionState.WAITING_STORE;
import static io.sparkmooncake.transfer.engine.ConnectionState.WAITING_WARMUP_TRANSFER;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class ConnectionStateTest {
    private static final Map<ConnectionState, Set<ConnectionState>> ALLOWED = new EnumMap<>(Map.of(
            WAITING_STORE, Set.of(WAITING_PEER_WARMUP, LOST),
            WAITING_PEER_WARMUP, Set.of(WAITING_WARMUP_TRANSFER, CONNECTED, LOST),
            WAITING_WARMUP_TRANSFER, Set.of(WAITING_PEER_WARMUP, LOST),
            CONNECTED, Set.of(LOST),
            LOST, Set.of()));

    private static final Map<ConnectionState, ConnectionState[]> WAYS = Map.of(
            WAITING_STORE,
            new ConnectionState[] {},
            WAITING_PEER_WARMUP,
            new ConnectionState[] {WAITING_PEER_WARMUP},
            WAITING_WARMUP_TRANSFER,
            new ConnectionState[] {WAITING_PEER_WARMUP, WAITING_WARMUP_TRANSFER},
            CONNECTED,
            new ConnectionState[] {WAITING_PEER_WARMUP, CONNECTED},
            LOST,
            new ConnectionState[] {LOST});

    @Test
    void allowsExactlyTheTransitionsOfTheDiagram() {
        for (ConnectionState from : ConnectionState.values()) {
            for (ConnectionState to : ConnectionState.values()) {
                Standing standing = new Standing("begun", 0);
                for (ConnectionState step : requireNonNull(WAYS.get(from))) {
                    standing.become(step, "on the way", 1);
                }
                assertThat(standing.state()).isEqualTo(from);
                if (requireNonNull(ALLOWED.get(from)).contains(to)) {
                    standing.become(to, "there", 2);
                    assertThat(standing.state()).isEqualTo(to);
                    assertThat(standing.step()).isEqualTo("there");
                    assertThat(standing.sinceNanos()).isEqualTo(2);
                } else {
                    assertThatThrownBy(() -> standing.become(to, "there", 2))
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("in state " + from)
                            .hasMessageContaining("cannot become " + to);
                }
            }
        }
    }
}
