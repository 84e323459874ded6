// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.example;

import io.sparkmooncake.collectives.Communicator;
import java.io.Serializable;

/** Told by every rank how a loop gets on. One object in each task. */
public interface Progress extends Serializable {
    /** Tells nobody. */
    Progress NONE = new Progress() {
        private static final long serialVersionUID = 1;

        @Override
        public void loaded(Communicator communicator) {}

        @Override
        public void computed() {}

        @Override
        public void reduced() {}

        @Override
        public void iterated(int iteration, double objective) {}

        @Override
        public void ended() {}
    };

    /** This rank has its data in place. */
    void loaded(Communicator communicator) throws Exception;

    /** This rank has done its part of an iteration, and now reduces. */
    void computed();

    /** The sum over all ranks is here; what follows every rank does alike. */
    void reduced();

    /** An iteration, counted from 1, has ended; the objective is the one it began with. */
    void iterated(int iteration, double objective) throws Exception;

    /** The loop has ended. */
    void ended() throws Exception;
}
