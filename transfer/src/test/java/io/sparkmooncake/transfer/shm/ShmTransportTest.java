// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.Footprint;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ShmTransportTest {
    private Footprint before;
    private ShmTransport owner;
    private ShmTransport reader;
    private HostRegion region;

    @BeforeEach
    void open() throws IOException {
        ShmTransport.start(ShmFixture.SETTINGS).close();
        before = Footprint.take(ContractBench.DIR);
        owner = ShmTransport.start(ShmFixture.SETTINGS);
        reader = ShmTransport.start(ShmFixture.SETTINGS);
        region = Regions.create(ContractBench.DIR, 4096, Location.ANY);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        reader.close();
        owner.close();
        region.release();
        before.assertRestored();
    }

    @Test
    void mapsOnceAndCountsEveryUser() throws Exception {
        Link link = link(owner.attributes());
        HostRegion first = link.map(region.descriptor()).orElseThrow();
        HostRegion second = link.map(region.descriptor()).orElseThrow();
        assertThat(second).isSameAs(first);
        assertThat(reader.mappings()).isEqualTo(1);
        link.close();
        first.slice(0, 1).put(0, (byte) 42);
        assertThat(region.slice(0, 1).get(0)).isEqualTo((byte) 42);
        first.release();
        second.release();
        assertThat(first.tryRetain()).isFalse();
        assertThatThrownBy(() -> link.map(region.descriptor()))
                .isInstanceOfSatisfying(
                        TransferException.class,
                        failure -> assertThat(failure.code()).isEqualTo(TransferException.Code.CLOSED));
    }

    @Test
    void trimDropsIdleMappingsButNotFromTheirUsers() throws Exception {
        Link link = link(owner.attributes());
        HostRegion mapped = link.map(region.descriptor()).orElseThrow();
        reader.trim(System.nanoTime());
        assertThat(reader.mappings()).isEqualTo(1);
        reader.trim(System.nanoTime() + ShmFixture.SETTINGS.idle().toNanos());
        assertThat(reader.mappings()).isZero();
        mapped.slice(0, 1).put(0, (byte) 1);
        mapped.release();
        assertThat(mapped.tryRetain()).isFalse();
        link.map(region.descriptor()).orElseThrow().release();
        assertThat(reader.mappings()).isEqualTo(1);
    }

    @Test
    void trimDropsWhatItsOwnerUnregistered() throws Exception {
        Link link = link(owner.attributes());
        link.map(region.descriptor()).orElseThrow().release();
        owner.unregister(region);
        assertThatThrownBy(() -> link.map(region.descriptor()))
                .isInstanceOf(TransferException.class)
                .hasMessageContaining("unregistered")
                .hasMessageContaining("owner-peer");
        assertThat(reader.refusedRequests()).isEqualTo(1);
        reader.trim(System.nanoTime());
        assertThat(reader.mappings()).isZero();
    }

    @Test
    void newMappingTrimsIdleOnesFirst() throws Exception {
        TransferSettings.Memory hasty =
                new TransferSettings.Memory(ContractBench.DIR.toString(), 64L << 20, Duration.ofMillis(4));
        HostRegion other = Regions.create(ContractBench.DIR, 4096, Location.ANY);
        try (ShmTransport transport = ShmTransport.start(hasty)) {
            Link link = transport.link(peer(owner.attributes())).get().fold(reached -> reached, reason -> {
                throw new AssertionError(reason);
            });
            link.map(region.descriptor()).orElseThrow().release();
            Thread.sleep(20);
            link.map(other.descriptor()).orElseThrow().release();
            assertThat(transport.mappings()).isEqualTo(1);
        }
        other.release();
    }

    @Test
    void reachesHostMemoryThatHasAPath() throws Exception {
        Link link = link(owner.attributes());
        RegionDescriptor host = region.descriptor();
        RegionDescriptor noPath = new RegionDescriptor(host.id(), host.key(), 4096, Location.ANY, "");
        RegionDescriptor device =
                new RegionDescriptor(host.id(), host.key(), 4096, Location.parse("cuda:0"), host.path());
        assertThat(link.reaches(Location.ANY, host)).isTrue();
        assertThat(link.reaches(Location.parse("cpu:1"), host)).isTrue();
        assertThat(link.reaches(Location.parse("cuda:0"), host)).isFalse();
        assertThat(link.reaches(Location.ANY, noPath)).isFalse();
        assertThat(link.reaches(Location.ANY, device)).isFalse();
        assertThat(link.map(noPath)).isEmpty();
        assertThat(link.map(device)).isEmpty();
    }

    @Test
    void refusedLinkNamesThePathAndTheUsualCauses() throws Exception {
        RegionDescriptor gone = new RegionDescriptor(1, 2, 4096, Location.ANY, "/proc/2147483/fd/7");
        assertThat(refusal(Map.of(ProbeAttribute.KEY, ProbeAttribute.encode(gone))))
                .contains("owner-peer", "/proc/2147483/fd/7", "NoSuchFile", "another host", "PID namespace");
        assertThat(refusal(Map.of())).contains("publishes no shm.probe");
        assertThat(refusal(Map.of(ProbeAttribute.KEY, "%%%"))).contains("shm.probe=%%%", "unreadable");
        assertThat(refusal(Map.of(ProbeAttribute.KEY, "AAAA"))).contains("unreadable");
        owner.close();
        assertThat(refusal(owner.attributes())).contains("cannot map");
    }

    @Test
    void closedTransportLinksNobody() throws Exception {
        Link link = link(owner.attributes());
        reader.close();
        assertThat(link.lost()).isDone();
        assertThat(refusal(owner.attributes())).contains("closed");
    }

    private Link link(Map<String, String> attributes) throws Exception {
        return reader.link(peer(attributes)).get().fold(reached -> reached, reason -> {
            throw new AssertionError(reason);
        });
    }

    private String refusal(Map<String, String> attributes) throws Exception {
        return reader.link(peer(attributes)).get().fold(reached -> "reached", reason -> reason);
    }

    private static PeerRecord peer(Map<String, String> attributes) {
        return new PeerRecord("owner-peer", 1, "127.0.0.1", 1, attributes);
    }
}
