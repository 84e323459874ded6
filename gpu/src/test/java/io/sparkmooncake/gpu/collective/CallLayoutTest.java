// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException.Code;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

final class CallLayoutTest {
    /** The words of the kernels' structure, read from its source, are those that Java writes. */
    @Test
    void wordsAreThoseOfTheKernels() throws Exception {
        String source = Files.readString(Path.of("src/main/cuda/call.cuh"));
        String body = source.substring(
                source.indexOf("struct Call {"), source.indexOf("};", source.indexOf("struct Call {")));
        Matcher fields = Pattern.compile("u64 (\\w+)(\\[NEAR\\])?;").matcher(body);
        int word = 0;
        List<String> seen = new ArrayList<>();
        while (fields.find()) {
            String name = fields.group(1).replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT);
            Field constant = CallLayout.class.getDeclaredField(name);
            assertThat(constant.getInt(null)).as(name).isEqualTo(word);
            word += fields.group(2) == null ? 1 : CallLayout.NEAR_RANKS;
            seen.add(name);
        }
        assertThat(word).isEqualTo(CallLayout.WORDS);
        assertThat(seen).hasSize(21);
    }

    @Test
    void placesAreTakenApartAgain() {
        long place = CallLayout.place(1023, (1L << 48) - 1);
        assertThat(CallLayout.slot(place)).isEqualTo(1023);
        assertThat(CallLayout.offset(place)).isEqualTo((1L << 48) - 1);
    }

    @Test
    void verdictsNameWhoWasMissed() {
        DeviceVerdict verdict = DeviceVerdict.of(1L << 60 | 5L << 48 | 0xffffL << 32 | 42);
        assertThat(verdict.code()).isEqualTo(Code.TIMED_OUT);
        assertThat(verdict.describe("pid 7 on cuda:0", 1500))
                .isEqualTo("rank 5 (pid 7 on cuda:0) was missed on leaving of device call #42 within limit=1500 ms;"
                        + " see whether its process runs and calls the same");
        assertThat(DeviceVerdict.of(DeviceVerdict.aborted(3, 9))).isEqualTo(new DeviceVerdict(Code.ABORTED, 3, 0, 9));
    }
}
