// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

/** What one submitted application does; it throws when something is not as it must be. */
interface Program {
    void run(Facts facts) throws Exception;
}
