// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.spi.ControlPlane;
import io.sparkmooncake.transfer.spi.Transport;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What every connection of an engine shares.
 *
 * @param self record of this process
 * @param agent single writer of all connections
 * @param control dials and answers
 * @param transports in order of preference
 * @param counters one per transport
 * @param slots for warm-ups
 * @param sequence of words and tickets, never used twice in this life
 * @param settings of the engine
 */
record EngineParts(
        PeerRecord self,
        Agent agent,
        ControlPlane control,
        List<Transport> transports,
        List<PathCounters> counters,
        WarmUpSlots slots,
        AtomicLong sequence,
        TransferSettings settings) {
    /** How long a silent path is waited for once another path was proved. */
    static final Duration PATH_GRACE = Duration.ofSeconds(5);

    public EngineParts {
        transports = List.copyOf(transports);
        counters = List.copyOf(counters);
    }

    /** Returns a word that this process has not used before. */
    Word nextWord() {
        return new Word(self.epoch(), sequence.incrementAndGet());
    }
}
