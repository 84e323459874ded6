// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Subgroups;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Communicators made from another one, under its epoch and names derived from its name, which all of their ranks arrive at by
 * themselves: {@code <name>.split<n>.<color>}, {@code <name>.dup<n>}, {@code <name>.sub<hash of ranks>.<n>}. Threading: the
 * caller's, one at a time.
 */
final class DerivedGroups {
    private static final int FIELDS = 2;

    private final Communicator parent;
    private final Subgroups subgroups;
    private final Map<List<Integer>, Integer> subsets = new HashMap<>();
    private int splits;
    private int duplicates;

    private record Choice(int rank, long color, long key) {}

    DerivedGroups(Communicator parent, Subgroups subgroups) {
        this.parent = parent;
        this.subgroups = subgroups;
    }

    Optional<Communicator> split(int color, int key) throws CollectiveException {
        if (color < Communicator.NO_COLOR) {
            throw new IllegalArgumentException("color=" + color + ", least is 0, or NO_COLOR");
        }
        int size = parent.membership().size();
        long[] choices = new long[FIELDS * size];
        parent.allGather(Elements.of(new long[] {color, key}), Elements.of(choices));
        int number = splits++;
        if (color == Communicator.NO_COLOR) {
            return Optional.empty();
        }
        int[] ranks = IntStream.range(0, size)
                .mapToObj(rank -> new Choice(rank, choices[FIELDS * rank], choices[FIELDS * rank + 1]))
                .filter(choice -> choice.color == color)
                .sorted(Comparator.comparingLong(Choice::key).thenComparing(Choice::rank))
                .mapToInt(Choice::rank)
                .toArray();
        return Optional.of(join(".split" + number + "." + color, ranks));
    }

    Communicator duplicate() throws CollectiveException {
        parent.barrier();
        int size = parent.membership().size();
        return join(".dup" + duplicates++, IntStream.range(0, size).toArray());
    }

    Communicator subset(int... ranks) throws CollectiveException {
        int size = parent.membership().size();
        List<Integer> list = new ArrayList<>();
        for (int rank : ranks) {
            Arguments.rank("rank", rank, size);
            if (list.contains(rank)) {
                throw new IllegalArgumentException("rank=" + rank + " is in the subset twice");
            }
            list.add(rank);
        }
        if (!list.contains(parent.membership().rank())) {
            throw new IllegalArgumentException(
                    "rank=" + parent.membership().rank() + " is not in the subset=" + list + " that it makes");
        }
        int number = subsets.merge(list, 1, Integer::sum);
        return join(String.format(Locale.ROOT, ".sub%016x.%d", hash(ranks), number), ranks);
    }

    private static long hash(int[] ranks) {
        long hash = 0xcbf29ce484222325L;
        for (int rank : ranks) {
            hash = (hash ^ rank) * 0x100000001b3L;
            hash ^= hash >>> 29;
        }
        return hash;
    }

    private Communicator join(String suffix, int[] ranks) throws CollectiveException {
        Membership self = parent.membership();
        int rank = Arrays.stream(ranks).boxed().toList().indexOf(self.rank());
        return subgroups.join(new Membership(name(self.communicator(), suffix), self.epoch(), rank, ranks.length));
    }

    /** A name that would be too long stands for the parent's by its hash. */
    private static String name(String parent, String suffix) {
        if (parent.length() + suffix.length() <= Membership.MAX_NAME_CHARS) {
            return parent + suffix;
        }
        return String.format(Locale.ROOT, "%016x%s", hash(parent.chars().toArray()), suffix);
    }
}
