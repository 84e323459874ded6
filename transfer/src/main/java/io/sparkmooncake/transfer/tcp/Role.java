// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

/** An end of a connection. Its label goes into every proof and key, so that neither end can be answered with its own words. */
enum Role {
    CALLER("mooncake-tcp caller"),
    CALLEE("mooncake-tcp callee");

    private final String label;

    Role(String label) {
        this.label = label;
    }

    String label() {
        return label;
    }

    Role other() {
        return this == CALLER ? CALLEE : CALLER;
    }
}
