// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.util.List;

/**
 * The same quantity measured several times on both sides.
 *
 * @param ours measured with the side under test
 * @param peer measured with the side it is compared with
 */
record Samples(List<Double> ours, List<Double> peer) {

    /** Copies both. */
    Samples {
        ours = List.copyOf(ours);
        peer = List.copyOf(peer);
    }

    double oursMedian() {
        return median(ours);
    }

    double peerMedian() {
        return median(peer);
    }

    /** Ours by the peer's: below 1 we take less. Not a number where the peer takes nothing. */
    double ratio() {
        return peerMedian() == 0 ? Double.NaN : oursMedian() / peerMedian();
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }
}
