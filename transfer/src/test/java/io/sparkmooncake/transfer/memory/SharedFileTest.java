// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.testing.Footprint;
import io.sparkmooncake.transfer.testing.OtherProcess;
import io.sparkmooncake.transfer.testing.OtherProcess.Ended;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SharedFileTest {
    private static final Path DIR = Path.of("/dev/shm");

    private Footprint before;

    @BeforeEach
    void look() throws IOException {
        SharedFile.create(DIR).close();
        before = Footprint.take(DIR);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        before.assertRestored();
    }

    @Test
    void isReadableByItsUserOnly() throws IOException {
        SharedFile file = SharedFile.create(DIR);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(Path.of(file.path()))))
                .isEqualTo("rw-------");
        file.close();
    }

    @Test
    void aFileThatCannotBeSweptStopsNoSweep(@TempDir Path dir) throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(Duration.ofMinutes(5)));
        for (int i = 0; i < 20; i++) {
            Files.createSymbolicLink(dir.resolve("spark-mooncake-link-" + i), dir.resolve("missing"));
            Files.setLastModifiedTime(Files.createFile(dir.resolve("spark-mooncake-" + i)), old);
        }
        SharedFile.sweep(dir);
        try (Stream<Path> left = Files.list(dir)) {
            assertThat(left).hasSize(20).allMatch(Files::isSymbolicLink);
        }
    }

    @Test
    void anotherUserCannotOpenItWhileItHasItsName() throws Exception {
        OtherProcess.assumeRoot("a process of another user");
        Path named = SharedFile.createNamed(DIR);
        try {
            Ended read = OtherProcess.run(OtherProcess.asNobody("cat", named.toString()));
            assertThat(read.status()).isNotZero();
            assertThat(read.output()).contains("Permission denied");
        } finally {
            Files.delete(named);
        }
    }

    @Test
    void writesToItsOwnFileWhenProcShowsAnotherProcessUnderItsId(@TempDir Path open) throws Exception {
        OtherProcess.assumeRoot("a PID namespace");
        List<String> command = new ArrayList<>(List.of("unshare", "--pid", "--fork"));
        command.addAll(OtherProcess.java(open, RegionMain.class, List.of(SharedFile.class), "path", DIR.toString()));
        Ended ended = OtherProcess.run(command);
        assertThat(ended.output()).contains("pid=1 last=3 path=;");
    }

    @Test
    void aClosedFileOpensNoDescriptorThatWasUsedAgain(@TempDir Path dir) throws IOException {
        SharedFile file = SharedFile.create(DIR);
        int number = Integer.parseInt(Path.of(file.path()).getFileName().toString());
        file.close();
        Path other = Files.createFile(dir.resolve("other"));
        List<RandomAccessFile> opened = new ArrayList<>();
        while (opened.isEmpty()
                || MappedMemory.likelyNumber(opened.get(opened.size() - 1).getFD()) < number) {
            opened.add(new RandomAccessFile(other.toFile(), "rw"));
        }
        assertThatThrownBy(file::channel).isInstanceOf(ClosedChannelException.class);
        assertThatThrownBy(() -> file.write(0, ByteBuffer.allocate(1)))
                .isInstanceOf(IOException.class)
                .hasRootCauseInstanceOf(ClosedChannelException.class);
        assertThat(other).isEmptyFile();
        for (RandomAccessFile one : opened) {
            one.close();
        }
    }
}
