// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

/**
 * Who this process is towards its peers.
 *
 * @param name unique among live processes of the application; an executor id
 * @param epoch random at each start of the process
 * @param host address that peers dial
 * @param secret known to every process of the application and to nobody else; never sent
 */
public record Identity(String name, long epoch, String host, Secret secret) {
    /** Checks that there is a name and a host. */
    public Identity {
        if (name.isEmpty() || host.isEmpty()) {
            throw new IllegalArgumentException("name=" + name + " host=" + host + " is no identity");
        }
    }

    /** Creates an identity from the bytes of the secret, at least 16, which are copied. */
    public Identity(String name, long epoch, String host, byte[] secret) {
        this(name, epoch, host, new Secret(secret));
    }
}
