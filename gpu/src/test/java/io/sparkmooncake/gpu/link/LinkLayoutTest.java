// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

final class LinkLayoutTest {
    private static final RegionDescriptor REGION =
            new RegionDescriptor(7, -9, 1000, Location.parse("cuda:1"), "cuda:PLAIN:a:1:GPU-b:ff:2097152:0a0b");

    @Test
    void tagsTellWhatIsMapped() {
        ByteBuffer tag = RegionTag.encode(7, -9, 1000);
        assertThat(RegionTag.offset(1000)).isEqualTo(1024);
        assertThat(RegionTag.offset(1024)).isEqualTo(1024);
        assertThat(RegionTag.refusal(tag, 0, REGION)).isEmpty();
        assertThat(RegionTag.refusal(RegionTag.encode(8, -9, 1000), 0, REGION)).contains("another region");
        assertThat(RegionTag.refusal(RegionTag.encode(7, -8, 1000), 0, REGION)).contains("key");
        assertThat(RegionTag.refusal(RegionTag.encode(7, -9, 999), 0, REGION)).contains("999");
        tag.put(RegionTag.STATE_OFFSET, RegionTag.REVOKED);
        assertThat(RegionTag.refusal(tag, 0, REGION)).contains("unregistered");
        assertThat(RegionTag.refusal(ByteBuffer.allocate(64), 0, REGION)).contains("no region");
    }

    @Test
    void pathsOfDeviceMemoryAreReadBack() {
        RegionPath path =
                new RegionPath(DeviceRegion.Kind.VIRTUAL, "p-1", 4711, "GPU-1-2", 0xf000000000000000L, 1 << 21, "12");
        assertThat(RegionPath.parse(path.encode())).isEqualTo(path);
        assertThat(Domain.NVLINK.maps(path.encode())).isTrue();
        assertThat(Domain.MNNVL.maps(path.encode())).isFalse();
        for (String other :
                List.of("", "/proc/4711/fd/42", "cuda:VIRTUAL:p", path.encode() + ":", "cuda:NONE:p:1:u:1:1:")) {
            assertThat(RegionPath.parse(other)).as(other).isNull();
        }
    }

    @Test
    void probesAreReadBackAndRefusedByName() throws Exception {
        ProbeLayout probe = ProbeLayout.of(ProcessMark.ofThisProcess(), REGION, new byte[16]);
        PeerRecord peer = new PeerRecord("exec-1", 1, "127.0.0.1", 9, Map.of("nvlink.probe", probe.encode()));
        assertThat(ProbeLayout.read("nvlink", peer)).isEqualTo(probe);
        assertThatThrownBy(() -> ProbeLayout.read("mnnvl", peer))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("publishes no mnnvl.probe");
        String cut = probe.encode().substring(0, 40);
        PeerRecord broken = new PeerRecord("exec-1", 1, "127.0.0.1", 9, Map.of("nvlink.probe", cut));
        assertThatThrownBy(() -> ProbeLayout.read("nvlink", broken)).hasMessageContaining("unreadable");
        for (int first = 0; first < 256; first++) {
            long slot = ProbeLayout.slot(new byte[] {(byte) first, (byte) (first * 7)});
            assertThat(slot).isBetween(16L, ProbeLayout.SIZE_BYTES - 16);
        }
    }

    @Test
    void marksTellProcessesApart() throws Exception {
        ProcessMark self = ProcessMark.ofThisProcess();
        assertThat(ProcessMark.parse(self.encode())).isEqualTo(self);
        assertThat(self.absence()).isEmpty();
        assertThat(self.lives()).isTrue();
        assertThat(new ProcessMark("elsewhere", self.pid(), self.start()).absence())
                .contains("another host");
        assertThat(new ProcessMark(self.host(), self.pid(), "1").absence()).contains("another process");
        Process child = new ProcessBuilder("sleep", "0").start();
        child.waitFor();
        assertThat(new ProcessMark(self.host(), child.pid(), "1").absence()).contains("ended");
    }

    @Test
    void stagedRequestsAreReadBack() throws Exception {
        List<StagedFrame.Entry> entries =
                List.of(new StagedFrame.Entry(1, -2, 3L << 40, 4), new StagedFrame.Entry(5, 6, 7, 1 << 20));
        ByteBuffer frame = StagedFrame.encode(StagedFrame.FETCH, entries);
        assertThat(frame.get()).isEqualTo(StagedFrame.FETCH);
        assertThat(StagedFrame.decode(frame.duplicate())).isEqualTo(entries);
        assertThatThrownBy(() -> StagedFrame.decode(frame.duplicate().limit(frame.limit() - 1)))
                .isInstanceOf(TransferException.class);
        assertThatThrownBy(() -> StagedFrame.decode(ByteBuffer.allocate(4).putInt(0, 5000)))
                .hasMessageContaining("5000");
        assertThat(StagedFrame.window(StagedFrame.encode(REGION))).isEqualTo(REGION);
    }

    @Test
    void pathsWithoutDevicesSayWhy() throws Exception {
        Assumptions.assumeFalse(Cuda.isAvailable());
        PeerRecord peer = new PeerRecord("exec-1", 1, "127.0.0.1", 9, Map.of());
        for (Transport each : List.of(DevicePaths.nvlink(List.of()), DevicePaths.mnnvl(List.of()))) {
            Reachability verdict = each.link(peer).get(60, TimeUnit.SECONDS);
            String reason = verdict.fold(link -> "reached", refused -> refused);
            assertThat(reason).isEqualTo(each.name() + ": " + Cuda.unavailabilityCause());
        }
    }
}
