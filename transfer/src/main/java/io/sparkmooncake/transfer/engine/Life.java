// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.PeerRecord;

/**
 * One life of a process: a successor under the same name has another epoch and is another peer.
 *
 * @param name of the process
 * @param epoch random at its start
 */
record Life(String name, long epoch) {
    static Life of(PeerRecord record) {
        return new Life(record.name(), record.epoch());
    }
}
