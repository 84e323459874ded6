// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SettingsTest {
    private static final Map<String, String> EVERY_KEY = Map.ofEntries(
            Map.entry("spark.mooncake.transfer.paths", "tcp, shm"),
            Map.entry("spark.mooncake.connect.timeout", "5s"),
            Map.entry("spark.mooncake.transfer.timeout", "2m"),
            Map.entry("spark.mooncake.transfer.maxBytesInFlight", "1g"),
            Map.entry("spark.mooncake.lease.timeout", "1h"),
            Map.entry("spark.mooncake.tcp.port", "7337"),
            Map.entry("spark.mooncake.tcp.threads", "8"),
            Map.entry("spark.mooncake.memory.dir", "/mnt/hugepages"),
            Map.entry("spark.mooncake.memory.segment", "1GB"),
            Map.entry("spark.mooncake.memory.idle", "250ms"),
            Map.entry("spark.mooncake.shuffle.memory", "3 g"),
            Map.entry("spark.mooncake.shuffle.write.buffer", "65536"),
            Map.entry("spark.mooncake.shuffle.scratch", "200m"),
            Map.entry("spark.mooncake.shuffle.checksum", "False"),
            Map.entry("spark.mooncake.shuffle.compress", "true"),
            Map.entry("spark.mooncake.collectives.timeout", "3s"),
            Map.entry("spark.mooncake.collectives.window", "1m"),
            Map.entry("spark.mooncake.gpu.enabled", "false"),
            Map.entry("spark.mooncake.gpu.memory", "100g"),
            Map.entry("spark.mooncake.gpu.memory.segment", "256m"),
            Map.entry("spark.mooncake.store.memory", "128m"),
            Map.entry("spark.mooncake.onUnsupported", "Sort"));

    @Test
    void transferHasTheDocumentedDefaults() {
        assertThat(TransferSettings.read(Map.of()))
                .isEqualTo(new TransferSettings(
                        List.of("shm", "tcp"),
                        Duration.ofSeconds(60),
                        Duration.ofSeconds(60),
                        256L << 20,
                        new TransferSettings.Tcp(0, 16, "", 2, false),
                        new TransferSettings.Memory("/dev/shm", 128L << 20, Duration.ofSeconds(60))));
    }

    @Test
    void shuffleHasTheDocumentedDefaults() {
        assertThat(ShuffleSettings.read(Map.of()))
                .isEqualTo(new ShuffleSettings(
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        32L << 20,
                        true,
                        Settings.Compress.AUTO,
                        Duration.ofMinutes(10),
                        Duration.ofSeconds(60)));
        assertThat(Settings.STORE_BYTES.read(Map.of())).isEqualTo(64L << 20);
    }

    @Test
    void gpusHaveTheDocumentedDefaults() {
        assertThat(GpuSettings.read(Map.of())).isEqualTo(new GpuSettings(true, 8L << 30, 64L << 20));
    }

    @Test
    void aSegmentFitsIntoTheMemoryOfADevice() {
        assertThatThrownBy(() -> Settings.check(Map.of("spark.mooncake.gpu.memory", "32m")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("spark.mooncake.gpu.memory.segment=67108864 is more than"
                        + " spark.mooncake.gpu.memory=33554432");
    }

    @Test
    void collectivesHaveTheDocumentedDefaults() {
        assertThat(CollectivesSettings.read(Map.of()))
                .isEqualTo(new CollectivesSettings(Duration.ofSeconds(60), 256 << 10));
    }

    @Test
    void refusesAWindowThatRanksCannotShare() {
        assertThatThrownBy(() -> Settings.check(Map.of("spark.mooncake.collectives.window", "5000")))
                .hasMessage(
                        "spark.mooncake.collectives.window=5000 is no multiple of 64. Correct this line, or remove it to"
                                + " get the default");
    }

    @Test
    void everyKeyReachesItsField() {
        Map<String, String> conf = new HashMap<>(EVERY_KEY);
        conf.put("spark.port.maxRetries", "3");
        conf.put("spark.network.crypto.enabled", "true");
        assertThat(TransferSettings.read(conf))
                .isEqualTo(new TransferSettings(
                        List.of("tcp", "shm"),
                        Duration.ofSeconds(5),
                        Duration.ofMinutes(2),
                        1L << 30,
                        new TransferSettings.Tcp(7337, 3, "", 8, true),
                        new TransferSettings.Memory("/mnt/hugepages", 1L << 30, Duration.ofMillis(250))));
        assertThat(ShuffleSettings.read(conf))
                .isEqualTo(new ShuffleSettings(
                        OptionalLong.of(3L << 30),
                        OptionalLong.of(200L << 20),
                        65_536,
                        false,
                        Settings.Compress.TRUE,
                        Duration.ofHours(1),
                        Duration.ofMinutes(2)));
        assertThat(CollectivesSettings.read(conf)).isEqualTo(new CollectivesSettings(Duration.ofSeconds(3), 1 << 20));
        assertThat(Settings.STORE_BYTES.read(conf)).isEqualTo(128L << 20);
        assertThat(Settings.ON_UNSUPPORTED.read(conf)).isEqualTo(Settings.OnUnsupported.SORT);
        assertThat(EVERY_KEY.keySet())
                .containsExactlyInAnyOrderElementsOf(
                        Settings.all().stream().map(Setting::key).toList());
    }

    @ParameterizedTest
    @CsvSource({
        "spark.network.crypto.enabled,true,true",
        "spark.ssl.rpc.enabled,true,true",
        "spark.ssl.rpc.enabled,false,false",
        "spark.authenticate.enableSaslEncryption,true,true",
        "spark.authenticate.enableSaslEncryption,false,false",
        "spark.authenticate,true,false",
        "spark.ssl.enabled,true,false"
    })
    void encryptsWhereSparkDoes(String key, String value, boolean encrypted) {
        assertThat(TransferSettings.read(Map.of(key, value)).tcp().encrypted()).isEqualTo(encrypted);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "transfer.paths; shm,rdma; rdma' is not one of mnnvl, nvlink, staged, shm, tcp. Allowed: a comma-separated choice of mnnvl, nvlink, staged, shm, tcp; default: shm,tcp",
                "transfer.paths; tcp,tcp; a name is repeated",
                "transfer.paths; ''; is not one of mnnvl, nvlink, staged, shm, tcp",
                "connect.timeout; 99ms; 99ms is less than min=100ms. Allowed: 100ms to 24h",
                "connect.timeout; 60; not a duration such as 30s; units are ms, s, m, h",
                "transfer.timeout; 25h; 25h is more than max=24h",
                "lease.timeout; 1d; not a duration such as 30s; units are ms, s, m, h",
                "transfer.maxBytesInFlight; 1k; 1k is less than min=1m. Allowed: 1m to 1t",
                "tcp.port; 65536; 65536 is more than max=65535. Allowed: 0 to 65535",
                "tcp.port; http; not a whole number",
                "tcp.threads; 0; 0 is less than min=1. Allowed: 1 to 64",
                "memory.dir; dev/shm; does not begin with /. Allowed: an absolute path",
                "memory.segment; 1q; not a size such as 64m; units are b, k, m, g, t",
                "memory.segment; 99999999999999g; 99999999999999g is more than max=1t",
                "memory.idle; -1s; not a duration",
                "shuffle.memory; none; not a size such as 64m; units are b, k, m, g, t. Allowed: auto, or 1m to 1024t; default: auto",
                "shuffle.memory; 1023k; 1023k is less than min=1m",
                "shuffle.write.buffer; 2g; 2g is more than max=1g. Allowed: 64k to 1g",
                "shuffle.checksum; yes; neither true nor false. Allowed: true or false; default: true",
                "shuffle.compress; lz4; not one of auto, true, false",
                "collectives.timeout; 0s; 0s is less than min=100ms",
                "collectives.window; 1k; 1k is less than min=4k. Allowed: 4k to 256m",
                "store.memory; 1b; 1b is less than min=64k",
                "onUnsupported; warn; not one of fail, sort. Allowed: fail, sort; default: fail"
            })
    void refusesWhatIsNotAllowed(String name, String value, String complaint) {
        String key = Settings.PREFIX + name;
        assertThatThrownBy(() -> Settings.check(Map.of(key, value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(key + "=" + value + " is not valid: ")
                .hasMessageContaining(complaint)
                .hasMessageEndingWith("Correct this line, or remove it to get the default");
    }

    @Test
    void refusesALeaseThatEndsBeforeItsTransfer() {
        assertThatThrownBy(() -> Settings.check(Map.of("spark.mooncake.lease.timeout", "30s")))
                .hasMessage(
                        "spark.mooncake.lease.timeout=30000ms is shorter than spark.mooncake.transfer.timeout=60000ms: a"
                                + " block would be freed while it is read. Raise the first line or lower the second");
    }

    @Test
    void namesTheKeyThatWasMeant() {
        assertThatThrownBy(() -> Settings.check(Map.of("spark.mooncake.shufle.memory", "1g")))
                .hasMessage(
                        "spark.mooncake.shufle.memory is not a setting of spark-mooncake. Did you mean"
                                + " spark.mooncake.shuffle.memory? Correct or remove the line \"spark.mooncake.shufle.memory 1g\"");
        assertThatThrownBy(() -> Settings.check(Map.of("spark.mooncake.tcp.Port", "1")))
                .hasMessageContaining("Did you mean spark.mooncake.tcp.port?");
    }

    @Test
    void acceptsEveryKnownKeyAndIgnoresTheRestOfSpark() {
        Map<String, String> conf = new HashMap<>(EVERY_KEY);
        conf.put("spark.executor.memory", "4g");
        conf.put("spark.mooncakes", "are sweet");
        Settings.check(conf);
    }

    @Test
    void staysSmall() {
        assertThat(Settings.all()).hasSizeLessThanOrEqualTo(25).allSatisfy(setting -> {
            assertThat(setting.key()).startsWith(Settings.PREFIX);
            assertThat(setting.doc()).endsWith(".").doesNotContain("|");
            assertThat(setting.since()).matches("\\d+\\.\\d+\\.\\d+");
        });
    }
}
