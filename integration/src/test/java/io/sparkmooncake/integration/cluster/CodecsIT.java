// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Blocks arrive right with every codec, encryption, serializer and path; the program knows its results. */
@Timeout(value = 6, unit = TimeUnit.HOURS)
final class CodecsIT {
    /** One application of those that the campaign runs. */
    @Test
    void blocksOfOneApplicationArriveRight() throws IOException, InterruptedException {
        run(Layout.THREE_TCP, List.of("zstd,stored,sent,Kryo"));
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource(names = {"THREE_ON_ONE_HOST", "THREE_TCP", "TWO_BY_TWO"})
    void blocksOfEveryApplicationArriveRight(Layout layout) throws IOException, InterruptedException {
        List<String> combinations = new ArrayList<>();
        for (String codec : List.of("lz4", "zstd", "snappy", "lzf", "none")) {
            for (String stored : List.of("plain", "stored")) {
                for (String sent : List.of("plain", "sent", "sasl")) {
                    for (String serializer : List.of("Java", "Kryo")) {
                        combinations.add(String.join(",", codec, stored, sent, serializer));
                    }
                }
            }
        }
        run(layout, combinations);
    }

    private static void run(Layout layout, List<String> combinations) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of("4.1.3", "codecs")
                .on(layout)
                .deadline(Duration.ofHours(2))
                .argument("combinations", String.join(";", combinations))
                .run();
        assertThat(facts).containsKeys(combinations.toArray(String[]::new));
    }
}
