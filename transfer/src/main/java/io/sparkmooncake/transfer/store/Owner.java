// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

/**
 * Who holds a claimed key: one life of one process. Two owners are the same when name and epoch are.
 *
 * @param name of the process
 * @param epoch random at each start of the process
 * @param address where it listens, for error messages
 */
public record Owner(String name, long epoch, String address) {
    boolean isSameLife(Owner other) {
        return epoch == other.epoch && name.equals(other.name);
    }

    /** Returns name, epoch and address as error messages show them. */
    public String describe() {
        return name + " (" + address + ", epoch=" + Long.toHexString(epoch) + ")";
    }
}
