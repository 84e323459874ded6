// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class OpenedTest {
    private final List<String> closed = new ArrayList<>();
    private final Opened opened = new Opened();

    @Test
    void closesLastFirstAndOnce() {
        opened.add(() -> closed.add("engine"));
        opened.add(() -> closed.add("store"));
        opened.close();
        opened.close();
        assertThat(closed).containsExactly("store", "engine");
    }

    @Test
    void closesTheRestWhenOneFails() {
        opened.add(() -> closed.add("engine"));
        opened.add(() -> {
            throw new IllegalStateException("busy");
        });
        opened.close();
        assertThat(closed).containsExactly("engine");
    }
}
