// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.shuffle.store.LookupFrame;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import org.junit.jupiter.api.Test;
import scala.Option;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** No look-up asks for more blocks than its limit, and together they ask for every block once. */
final class PeerBlocksTest {
    /** A region of the host without a path. */
    private static final byte[] REGION = ByteBuffer.allocate(29)
            .putLong(1)
            .putLong(1)
            .putLong(1)
            .putShort((short) 1)
            .put((byte) '*')
            .putShort((short) 0)
            .array();

    @Test
    void splitsByMapOutputs() {
        List<PeerBlocks> pieces = split(4, "10:2,3", "11:2", "12:3", "13:2,3", "14:5");
        assertThat(pieces)
                .extracting(PeerBlocksTest::text)
                .containsExactly("[10, 11, 12] 2-9 = 2 1 1", "[13, 14] 2-9 = 2 1");
    }

    @Test
    void splitsAMapOutputByPartitions() {
        assertThat(split(3, "10:2,3,4,5,6,7,8"))
                .extracting(PeerBlocksTest::text)
                .containsExactly("[10] 2-5 = 3", "[10] 5-8 = 3", "[10] 8-9 = 1");
    }

    @Test
    void aMapOutputThatDoesNotFitBesideOthersGetsPiecesOfItsOwn() {
        assertThat(split(3, "9:2,3", "10:2,4,6,8", "11:3"))
                .extracting(PeerBlocksTest::text)
                .containsExactly("[9] 2-9 = 2", "[10] 2-8 = 3", "[10] 8-9 = 1", "[11] 2-9 = 1");
    }

    @Test
    void whatAnAnswerDoesNotCoverIsLeft() {
        PeerBlocks all = split(100, "10:2,3,5,8", "11:2", "12:3").get(0);
        PeerBlocks two = all.coveredBy(new BlockTable(2, 9));
        assertThat(text(two)).isEqualTo("[10, 11] 2-9 = 4 1");
        assertThat(all.without(two)).extracting(PeerBlocksTest::text).containsExactly("[12] 2-9 = 1");
        assertThat(all.without(all)).isEmpty();
    }

    @Test
    void theBlocksOfAMapOutputThatAnAnswerDoesNotCoverAreExpectedOfTheNext() throws IOException {
        PeerBlocks all = split(100, "10:2,3,5,8", "11:2").get(0);
        PeerBlocks some = all.coveredBy(tableOf(4, 2, 3));
        assertThat(text(some)).isEqualTo("[10] 2-4 = 2");
        assertThat(all.without(some)).extracting(PeerBlocksTest::text).containsExactly("[10] 4-9 = 2", "[11] 2-9 = 1");
    }

    @Test
    void anAnswerThatGoesOnMustNotHaveAllBlocksYet() throws IOException {
        PeerBlocks all = split(100, "10:2,3").get(0);
        BlockTable table = tableOf(4, 2, 3);
        assertThat(table.firstIncomplete(all.coveredBy(table).blocksPerMap())).isZero();
    }

    /** Returns an answer about one map output. */
    private static BlockTable tableOf(int endPartition, int... partitions) throws IOException {
        ByteBuffer answer = ByteBuffer.allocate(29 + 28 * partitions.length + REGION.length);
        answer.put((byte) 3).putLong(0).putInt(1).putInt(endPartition);
        answer.putInt(1).putInt(REGION.length).put(REGION).putInt(partitions.length);
        for (int partition : partitions) {
            answer.putInt(0).putInt(partition).putInt(0).putLong(0).putInt(1).putInt(0);
        }
        return LookupFrame.decodeAnswer(answer.rewind()).table();
    }

    private static String text(PeerBlocks piece) {
        StringBuilder text = new StringBuilder();
        List<Long> maps = new ArrayList<>();
        for (long map : piece.mapIds()) {
            maps.add(map);
        }
        text.append(maps).append(' ').append(piece.startPartition()).append('-').append(piece.endPartition());
        text.append(" =");
        for (int blocks : piece.blocksPerMap()) {
            text.append(' ').append(blocks);
        }
        return text.toString();
    }

    private static List<PeerBlocks> split(int maxBlocks, String... maps) {
        List<Tuple3<BlockId, Object, Object>> listed = new ArrayList<>();
        for (int index = 0; index < maps.length; index++) {
            String[] words = maps[index].split(":", -1);
            for (String partition : words[1].split(",", -1)) {
                ShuffleBlockId id = new ShuffleBlockId(1, Long.parseLong(words[0]), Integer.parseInt(partition));
                listed.add(new Tuple3<>(id, 1L, index));
            }
        }
        BlockManagerId address = BlockManagerId.apply("owner", "127.0.0.1", 1, Option.empty());
        Seq<Tuple3<BlockId, Object, Object>> blocks = CollectionConverters.asScala(listed);
        return PeerBlocks.of(
                CollectionConverters.asScala(
                        List.of(new Tuple2<>(address, blocks)).iterator()),
                2,
                9,
                maxBlocks);
    }
}
