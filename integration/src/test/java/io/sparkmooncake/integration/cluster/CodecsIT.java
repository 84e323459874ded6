// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Blocks arrive right with every codec, encryption, serializer and path, on three executors; the program knows its results. */
final class CodecsIT {
    private static final String PLAIN = "none,plain,plain,Kryo,tcp";
    private static final String ALL = "zstd,stored,sent,Kryo,tcp";

    /** Two applications of those that the campaign runs: blocks as they are, and compressed and encrypted twice. */
    @Test
    void blocksOfTwoApplicationsArriveRight() throws IOException, InterruptedException {
        Map<String, String> facts = run(List.of(PLAIN, ALL));
        long plain = Long.parseLong(facts.get(PLAIN + ".written"));
        assertThat(Long.parseLong(facts.get(ALL + ".written"))).isBetween(1L, plain * 3 / 4);
    }

    @Tag("campaign")
    @ParameterizedTest
    @CsvSource({
        "lz4,tcp", "zstd,tcp", "snappy,tcp", "lzf,tcp", "none,tcp",
        "lz4,shm+tcp", "zstd,shm+tcp", "snappy,shm+tcp", "lzf,shm+tcp", "none,shm+tcp"
    })
    void blocksOfEveryApplicationArriveRight(String codec, String paths) throws IOException, InterruptedException {
        List<String> combinations = new ArrayList<>();
        for (String stored : List.of("plain", "stored")) {
            for (String sent : List.of("plain", "sent")) {
                for (String serializer : List.of("Java", "Kryo")) {
                    combinations.add(String.join(",", codec, stored, sent, serializer, paths));
                }
            }
        }
        run(combinations);
    }

    private static Map<String, String> run(List<String> combinations) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of("4.1.3", "codecs")
                .master("local-cluster[3,1,1024]")
                .deadline(Duration.ofMinutes(25))
                .argument("combinations", String.join(";", combinations))
                .run();
        assertThat(facts).containsKeys(combinations.toArray(String[]::new));
        return facts;
    }
}
