// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DescriptorSocketsTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path folder;

    @Test
    void carriesDescriptorsThatStayOpenInTheReceiver() throws Exception {
        FileDescriptor first = opened("first");
        FileDescriptor second = opened("second");
        try (DescriptorSockets sockets = DescriptorSockets.open()) {
            DescriptorSockets.send(sockets.path(), 7, List.of(first.intValue(), second.intValue()), LIMIT);
            first.close();
            second.close();
            DescriptorSockets.Received received = sockets.receive(LIMIT);
            assertThat(received.sender()).isEqualTo(7);
            assertThat(received.descriptors()).hasSize(2);
            write(received.descriptors().get(0), "one");
            write(received.descriptors().get(1), "two");
            assertThat(folder.resolve("first")).hasContent("one");
            assertThat(folder.resolve("second")).hasContent("two");
        }
    }

    @Test
    void doesNotWaitBeyondItsLimit() throws Exception {
        try (DescriptorSockets sockets = DescriptorSockets.open()) {
            assertThatThrownBy(() -> sockets.receive(Duration.ofMillis(50)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(sockets.path())
                    .hasMessageContaining("limit=50 ms");
        }
    }

    @Test
    void leavesNoFileBehind() throws Exception {
        DescriptorSockets sockets = DescriptorSockets.open();
        Path path = Path.of(sockets.path());
        assertThat(path).exists();
        sockets.close();
        assertThat(path.getParent()).doesNotExist();
    }

    private FileDescriptor opened(String name) throws IOException {
        return FileDescriptor.from(folder.resolve(name).toFile());
    }

    private static void write(int descriptor, String content) throws IOException {
        FileDescriptor file = new FileDescriptor(descriptor);
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        file.write(ByteBuffer.allocateDirect(bytes.length).put(0, bytes), 0, bytes.length);
        file.close();
    }
}
