// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.Store;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the ranks of a process join elastic communicators. One per process; closes nothing that it was given.
 *
 * <p>Threading: safe from any thread; each rank joins on a thread of its own.
 */
public final class ElasticRendezvous {
    /** Longest name of an elastic communicator: those of its generations have the generation behind it. */
    public static final int MAX_NAME_CHARS = 100;

    private final PeerRecord process;
    private final Rendezvous rendezvous;
    private final PeerDirectory directory;
    private final Store store;
    private final Options options;
    private final SecureRandom random = new SecureRandom();

    /**
     * How elastic communicators run. The same on all ranks of a communicator.
     *
     * @param onRankLoss what happens when a rank is lost or silent
     * @param leastActive with fewer active ranks all fail
     * @param votePatience how long a rank that is not known to be lost may stay away from operations before the others go on without it
     */
    public record Options(OnRankLoss onRankLoss, int leastActive, Duration votePatience) {
        /** Goes on with one rank, and without those that do not come for a minute. */
        public static final Options SHRINK = new Options(OnRankLoss.SHRINK, 1, Duration.ofSeconds(60));

        /** Checks the ranges. */
        public Options {
            if (leastActive < 1) {
                throw new IllegalArgumentException("leastActive=" + leastActive + ", least is 1");
            }
            if (votePatience.isNegative() || votePatience.isZero()) {
                throw new IllegalArgumentException("votePatience=" + votePatience + " must be positive");
            }
        }
    }

    /**
     * Creates the elastic rendezvous of a process.
     *
     * @param process this one, as its engine published it
     * @param rendezvous of the process, which joins the communicator of each generation
     * @param directory of the process
     * @param store of the application, the same on all ranks
     */
    public ElasticRendezvous(
            PeerRecord process, Rendezvous rendezvous, PeerDirectory directory, Store store, Options options) {
        this.process = process;
        this.rendezvous = rendezvous;
        this.directory = directory;
        this.store = store;
        this.options = options;
    }

    /**
     * Joins with all other ranks of the membership, as {@link Rendezvous#join} does; that one of them never comes is a failure of all.
     *
     * @return the caller's, who closes it
     */
    public ElasticCommunicator join(Membership membership) throws CollectiveException {
        Member self = member(membership);
        Agreement agreement = agreement(membership, self);
        Communicator first = null;
        try {
            agreement.enter();
            first = rendezvous.join(new Membership(
                    generationName(membership, 0), membership.epoch(), membership.rank(), membership.size()));
            List<Member> members = new ArrayList<>();
            for (byte[] each : first.allGatherBytes(self.encode())) {
                members.add(Member.decode(each));
            }
            View view = new View(0, members, 0, 0, 0, null, "all joined");
            agreement.found(view);
            return new ElasticCommunicator(
                    membership, agreement, new Generations(this, membership, agreement, view, self, first));
        } catch (CollectiveException | RuntimeException | Error e) {
            if (first != null) {
                first.close();
            }
            agreement.leave();
            throw e;
        }
    }

    /**
     * Comes back as a rank that is not active: asks, and waits until the active ranks take it in. It knows nothing of what was done
     * before; an active rank tells it, with a broadcast for example.
     *
     * @param membership as in {@link #join}
     * @param patience how long to wait for the active ranks to call {@link ElasticCommunicator#readmit}
     * @return the caller's, who closes it
     * @throws CollectiveException TIMED_OUT when they did not
     */
    public ElasticCommunicator rejoin(Membership membership, Duration patience) throws CollectiveException {
        Member self = member(membership);
        Agreement agreement = agreement(membership, self);
        Generations generations = null;
        try {
            agreement.enter();
            View view = agreement.askToReturn(patience);
            generations = new Generations(this, membership, agreement, view, self, null);
            generations.enter();
            return new ElasticCommunicator(membership, agreement, generations);
        } catch (CollectiveException | RuntimeException | Error e) {
            if (generations == null) {
                agreement.leave();
            } else {
                generations.close();
            }
            throw e;
        }
    }

    private Member member(Membership membership) {
        if (membership.communicator().length() > MAX_NAME_CHARS) {
            throw new IllegalArgumentException("communicator=" + membership.communicator() + " is longer than limit="
                    + MAX_NAME_CHARS + " characters of elastic ones");
        }
        return new Member(
                membership.rank(),
                random.nextLong(),
                process.name(),
                process.epoch(),
                process.host() + ":" + process.port());
    }

    private Agreement agreement(Membership membership, Member self) {
        String group = "communicator=" + membership.communicator() + " epoch=" + membership.epoch();
        String prefix = "elastic/" + membership.communicator() + "/" + membership.epoch() + "/";
        return new Agreement(self, group, prefix, store, options.leastActive());
    }

    static String generationName(Membership membership, long generation) {
        return membership.communicator() + ".e" + generation;
    }

    Rendezvous rendezvous() {
        return rendezvous;
    }

    PeerDirectory directory() {
        return directory;
    }

    Options options() {
        return options;
    }
}
