// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class SettingsPageTest {
    private static final Path PAGE =
            Path.of("..", "docs", "settings.md").toAbsolutePath().normalize();

    @Test
    void pageIsWhatSettingsSay() throws IOException {
        if (Boolean.getBoolean("settings.write")) {
            Files.createDirectories(PAGE.resolveSibling("."));
            Files.writeString(PAGE, SettingsPage.text());
        }
        assertThat(PAGE)
                .as("rewrite it with: mvn -B -q -pl conf test -Dtest=SettingsPageTest -Dsettings.write=true")
                .hasContent(SettingsPage.text());
    }
}
