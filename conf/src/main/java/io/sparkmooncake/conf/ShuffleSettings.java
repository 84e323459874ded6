// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Settings of the shuffle.
 *
 * @param memoryBytes limit of map outputs in memory per executor; empty for one that suits the host
 * @param scratchBytes limit of scratch memory per executor; empty for one that suits the executor
 * @param writeBufferBytes bytes a map task gathers before laying them out
 * @param checksum whether blocks carry CRC32C
 * @param compress when blocks are compressed
 * @param leaseTimeout how long a lease lives without renewal
 * @param transferTimeout deadline of one look-up or batch
 */
public record ShuffleSettings(
        OptionalLong memoryBytes,
        OptionalLong scratchBytes,
        long writeBufferBytes,
        boolean checksum,
        Settings.Compress compress,
        Duration leaseTimeout,
        Duration transferTimeout) {

    /** Checks what the settings must be to each other. */
    public ShuffleSettings {
        if (leaseTimeout.compareTo(transferTimeout) < 0) {
            throw new IllegalArgumentException(Settings.LEASE_TIMEOUT.key() + "=" + leaseTimeout.toMillis()
                    + "ms is shorter than " + Settings.TRANSFER_TIMEOUT.key() + "=" + transferTimeout.toMillis()
                    + "ms: a block would be freed while it is read. Raise the first line or lower the second");
        }
    }

    /** Reads the settings from Spark's configuration. */
    public static ShuffleSettings read(Map<String, String> conf) {
        return new ShuffleSettings(
                Settings.SHUFFLE_MEMORY.read(conf),
                Settings.SCRATCH_MEMORY.read(conf),
                Settings.WRITE_BUFFER.read(conf),
                Settings.CHECKSUM.read(conf),
                Settings.COMPRESS.read(conf),
                Settings.LEASE_TIMEOUT.read(conf),
                Settings.TRANSFER_TIMEOUT.read(conf));
    }
}
