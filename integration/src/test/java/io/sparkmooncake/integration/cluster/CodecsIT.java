// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Blocks arrive right with every codec, encryption, serializer and path, on three executors; the program knows its results. */
final class CodecsIT {
    /** One application of those that the campaign runs. */
    @ParameterizedTest
    @ValueSource(strings = {"zstd,stored,sent,Kryo,tcp"})
    void blocksOfOneApplicationArriveRight(String combination) throws IOException, InterruptedException {
        run(List.of(combination));
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

    private static void run(List<String> combinations) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of("4.1.3", "codecs")
                .master("local-cluster[3,1,1024]")
                .deadline(Duration.ofMinutes(25))
                .argument("combinations", String.join(";", combinations))
                .run();
        assertThat(facts).containsKeys(combinations.toArray(String[]::new));
    }
}
