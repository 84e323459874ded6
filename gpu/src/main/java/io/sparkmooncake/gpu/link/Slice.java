// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was queued of a batch between two looks at its deadline: copies of some requests, and the tags behind them.
 *
 * <p>Threading: its lane's lock.
 */
final class Slice {
    /** Shorter copies are rows of one launch; longer ones keep the copy engines busy by themselves. */
    private static final long GATHERED_BYTES = 256 << 10;

    /** One warp copies a row. */
    private static final long ROW_BYTES = 16 << 10;

    private static final long MOST_BYTES = 256L << 20;
    private static final int MOST_ROWS_OF_ONE = (int) (GATHERED_BYTES / ROW_BYTES);

    private final DeviceLane lane;
    private final SliceRoom room;
    private final Order order;
    private final List<HostCopy> afterwards = new ArrayList<>();
    private final Map<PeerRegion, Integer> touched = new HashMap<>();
    private long bytes;
    private int bounced;
    private int streams = 1;
    private boolean abandoned;
    private @Nullable PeerRegion newest;
    final int first;
    int last;

    /** Whether requests land one after the other. */
    enum Order {
        /** In one stream, none by a kernel. */
        KEPT,
        /** In any. */
        FREE,
        /** In any, short ones by one launch. */
        GATHERED
    }

    /** What the host does when the device has written its memory. */
    private record HostCopy(int from, HostRegion to, long offset, int length) {}

    /**
     * One end of a copy.
     *
     * @param address for the device; where the host takes part, unused
     * @param host null for device memory
     * @param offset into the host's region
     */
    record Side(long address, @Nullable HostRegion host, long offset) {
        Side plus(long bytes) {
            return bytes == 0 ? this : new Side(address + bytes, host, offset + bytes);
        }
    }

    Slice(DeviceLane lane, SliceRoom room, Order order, int first) {
        this.lane = lane;
        this.room = room;
        this.order = order;
        this.first = first;
        this.last = first;
    }

    /** Returns how many bytes of a request fit in; 0 where the slice is full. */
    long room(long length, Side source, Side target) {
        if (room.rows() > SliceRoom.ROWS - MOST_ROWS_OF_ONE || bytes >= MOST_BYTES) {
            return 0;
        }
        boolean host = source.host() != null || target.host() != null;
        return Math.min(length, host ? SliceRoom.BOUNCE_BYTES - bounced : MOST_BYTES - bytes);
    }

    /** Tells that a further region can be checked. */
    boolean takes(PeerRegion region) {
        return region.equals(newest) || touched.containsKey(region) || touched.size() < SliceRoom.TAGS;
    }

    /** Notes that a region is used until the slice is done; false where that is known. */
    boolean touch(PeerRegion region) {
        if (region.equals(newest) || touched.putIfAbsent(region, -1) != null) {
            return false;
        }
        newest = region;
        region.retain();
        return true;
    }

    /** Queues a copy of what {@link #room} said. */
    void copy(Side source, Side target, long length) {
        bytes += length;
        boolean gathered = order == Order.GATHERED && length < GATHERED_BYTES;
        if (source.host() == null && target.host() == null) {
            if (gathered) {
                rows(source.address(), target.address(), length);
            } else {
                lane.device().copy(target.address(), source.address(), length, next());
            }
            return;
        }
        int at = bounced;
        bounced += (int) length;
        if (target.host() != null) {
            afterwards.add(new HostCopy(at, target.host(), target.offset(), (int) length));
            if (gathered) {
                rows(source.address(), room.bounce().deviceAddress() + at, length);
            } else {
                lane.device().download(room.bounce(), at, source.address(), length, next());
            }
        } else if (source.host() != null) {
            ByteBuffer from = source.host().slice(source.offset(), (int) length);
            room.bounce().bytes().put(at, from, 0, (int) length);
            lane.device().upload(target.address(), room.bounce(), at, length, next());
        }
    }

    private void rows(long source, long target, long length) {
        for (long at = 0; at < length; at += ROW_BYTES) {
            room.row(source + at, target + at, Math.min(ROW_BYTES, length - at));
        }
    }

    private DeviceStream next() {
        return lane.stream(order == Order.KEPT ? 0 : streams++);
    }

    /** Queues the launch, the tags of what was read, and the end. */
    void launch() {
        if (room.rows() > 0) {
            lane.gather(room);
        }
        lane.join(streams);
        if (order != Order.KEPT) {
            touched.replaceAll(
                    (region, at) -> region.host() == null ? room.tag(region.tagAddress(), lane.stream(0)) : at);
        }
        room.done.record(lane.stream(0));
    }

    /** Ends a slice of which not everything could be queued: no request of it is complete when it is done. */
    void abandon() {
        last = first;
        afterwards.clear();
        abandoned = true;
        try {
            lane.join(streams);
            room.done.record(lane.stream(0));
        } catch (GpuException e) {
            lane.lose(e.getMessage());
        }
    }

    boolean isDone() {
        return room.done.isDone();
    }

    /** Does the host's part, once the device's is done. */
    void finish() {
        for (HostCopy each : afterwards) {
            ByteBuffer from = room.bounce().bytes().duplicate();
            from.limit(each.from() + each.length()).position(each.from());
            each.to().slice(each.offset(), each.length()).put(from);
        }
    }

    /** Returns the regions that were not live when they had been read, and why. */
    Map<PeerRegion, String> refusals() {
        Map<PeerRegion, String> refusals = new HashMap<>();
        if (order != Order.KEPT && !abandoned) {
            touched.forEach((region, at) -> {
                String refusal = region.host() != null
                        ? region.hostRefusal()
                        : RegionTag.refusal(room.tagBytes(), at, region.descriptor());
                if (!refusal.isEmpty()) {
                    refusals.put(region, refusal);
                }
            });
        }
        return refusals;
    }

    /** Lets go of everything; nothing of it is on its way any more. */
    void release() {
        touched.keySet().forEach(PeerRegion::release);
        touched.clear();
        lane.give(room);
    }
}
