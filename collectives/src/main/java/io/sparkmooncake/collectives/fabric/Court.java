// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

/**
 * Where the ranks of one communicator agree why it broke, when they share no memory in which they could.
 *
 * <p>Threading: safe from any thread.
 */
public interface Court {
    /** Lets every rank's own verdict stand, for fabrics that agree by themselves. */
    Court NONE = new Court() {
        @Override
        public Verdict settle(Verdict own) {
            return own;
        }

        @Override
        public void spread(Verdict verdict) {}
    };

    /** Returns the verdict that counts, which is that of the first rank that came; waits for it for a few seconds at most. */
    Verdict settle(Verdict own);

    /** Tells every other rank that can be reached, without waiting for it. */
    void spread(Verdict verdict);
}
