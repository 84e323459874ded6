// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.hierarchy.Groups;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds who shares memory with whom from what all ranks say they map: every rank finds the same. */
final class Grouping {
    private Grouping() {}

    /** Puts each rank, in order, into the first group all of whose members map it and are mapped by it. */
    static Groups of(List<RankRecord> records, RankMaps maps) {
        List<List<RankRecord>> groups = new ArrayList<>();
        Map<String, List<List<RankRecord>>> byMark = new HashMap<>();
        for (RankRecord record : records) {
            RankRecord.Home home = record.process();
            String mark = home.mark().isEmpty() ? home.name() + "#" + home.epoch() : home.mark();
            List<List<RankRecord>> near = byMark.computeIfAbsent(mark, key -> new ArrayList<>());
            List<RankRecord> joined = null;
            for (int i = 0; i < near.size() && joined == null; i++) {
                joined = fits(maps, record, near.get(i)) ? near.get(i) : null;
            }
            if (joined == null) {
                joined = new ArrayList<>();
                near.add(joined);
                groups.add(joined);
            }
            joined.add(record);
        }
        return new Groups(groups.stream()
                .map(group -> group.stream().map(RankRecord::rank).toList())
                .toList());
    }

    /** Every rank looks at all pairs of each host: no streams here. */
    private static boolean fits(RankMaps maps, RankRecord record, List<RankRecord> group) {
        for (RankRecord other : group) {
            if (!maps.both(record, other)) {
                return false;
            }
        }
        return true;
    }
}
