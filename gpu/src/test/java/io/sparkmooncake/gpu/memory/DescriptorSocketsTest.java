// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DescriptorSocketsTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);

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
            assertThat(contentOf(received.descriptors().get(0))).isEqualTo("first");
            assertThat(contentOf(received.descriptors().get(1))).isEqualTo("second");
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

    private FileDescriptor opened(String content) throws IOException {
        Path file = folder.resolve(content);
        Files.writeString(file, content);
        return FileDescriptor.from(file.toFile());
    }

    private static String contentOf(int descriptor) throws IOException {
        FileDescriptor file = new FileDescriptor(descriptor);
        ByteBuffer bytes = ByteBuffer.allocateDirect(64);
        int read = file.read(bytes, 0, 64);
        file.close();
        byte[] content = new byte[read];
        bytes.get(content);
        return new String(content, StandardCharsets.UTF_8);
    }
}
