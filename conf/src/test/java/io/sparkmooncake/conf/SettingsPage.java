// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

/** Writes {@code docs/settings.md} from {@link Settings}. */
final class SettingsPage {
    private static final String HEAD = """
            # Settings

            <!-- Generated from conf/src/main/java/io/sparkmooncake/conf/Settings.java. To rewrite it:
                 mvn -B -q -pl conf test -Dtest=SettingsPageTest -Dsettings.write=true -->

            All keys are optional and go where Spark's do: `spark-defaults.conf`, `--conf`, or `SparkConf` before the session is
            made. They are read once, when the application starts. An unknown `spark.mooncake.` key or a value that is not allowed
            fails the start with a message that names it.

            Sizes take `b`, `k`, `m`, `g` or `t` (a bare number counts bytes), durations take `ms`, `s`, `m` or `h`.

            | key | default | allowed | since | what it does |
            |---|---|---|---|---|
            """;

    private static final String TAIL = """

            ## Spark's own keys that decide something here

            | key | what it decides |
            |---|---|
            | `spark.plugins` | must name `io.sparkmooncake.plugin.MooncakePlugin` |
            | `spark.shuffle.manager` | set by the plugin on Spark 4.0 and newer; on 3.5 it must name `io.sparkmooncake.shuffle.MooncakeShuffleManager`. Another manager, such as a `SORT` that the platform has set, keeps the shuffle; then only the transfer engine and ranks run |
            | `spark.shuffle.service.enabled`, `spark.shuffle.push.enabled` | must be false, or `spark.mooncake.onUnsupported=sort`: an external shuffle service reads files, and map outputs are in memory |
            | `spark.storage.decommission.fallbackStorage.path` | must not be set: it takes shuffle files, and map outputs are in memory |
            | `spark.authenticate` | when true, executors authenticate to each other with a secret derived from Spark's; otherwise with a random one of this application |
            | `spark.network.crypto.enabled`, `spark.authenticate.enableSaslEncryption`, `spark.ssl.rpc.enabled` | when true, what the tcp path carries is encrypted, too |
            | `spark.port.maxRetries` | how many ports are tried after a busy `spark.mooncake.tcp.port` |
            | `spark.shuffle.compress`, `spark.io.compression.codec` | compression of blocks, see `spark.mooncake.shuffle.compress` |
            | `spark.driver.bindAddress` | the address that the driver's listener is bound at; executors bind the one of their `--bind-address` |
            | `spark.shuffle.io.maxRetries`, `spark.shuffle.io.retryWait` | how often, and after which pause, look-ups and transfers of a fetch are repeated |
            | `spark.reducer.maxSizeInFlight` | how many bytes of blocks a task has in transfer at once; part of `spark.mooncake.shuffle.scratch=auto` |
            | `spark.executor.cores`, `spark.task.cpus` | how many tasks run at once, and how many executors share a host: both `auto` of memory |
            | `spark.executor.memory`, `spark.executor.memoryOverhead`, `spark.executor.memoryOverheadFactor` | `spark.mooncake.shuffle.memory=auto` and `spark.mooncake.shuffle.scratch=auto` |
            | `spark.local.dir` | where map outputs go when memory is full |
            """;

    private SettingsPage() {}

    static String text() {
        StringBuilder page = new StringBuilder(HEAD);
        for (Setting<?> setting : Settings.all()) {
            page.append("| `")
                    .append(setting.key())
                    .append("` | `")
                    .append(setting.defaultText())
                    .append("` | ")
                    .append(setting.domain().allowed())
                    .append(" | ")
                    .append(setting.since())
                    .append(" | ")
                    .append(setting.doc())
                    .append(" |\n");
        }
        return page.append(TAIL).toString();
    }
}
