// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class StoreTableTest {
    private static final Owner FIRST = new Owner("3", 0x1a, "hosta:41");
    private static final Owner SECOND = new Owner("3", 0x2b, "hostb:42");

    private final StoreTable table = new StoreTable(1 << 20);

    @Test
    void refusesANameThatALiveOwnerHoldsNamingBoth() throws TransferException {
        table.claim("peers/3", Blob.of("a"), FIRST);
        assertThatThrownBy(() -> table.claim("peers/3", Blob.of("b"), SECOND))
                .hasMessageContaining("key=peers/3 is held by live 3 (hosta:41, epoch=1a)")
                .hasMessageContaining("refused for 3 (hostb:42, epoch=2b)");
        assertThat(table.get("peers/3")).map(StoreValue::bytes).contains(Blob.of("a"));
    }

    @Test
    void letsTheOwnerClaimAgainAndNobodyElseWrite() throws TransferException {
        table.claim("peers/3", Blob.of("a"), FIRST);
        table.claim("peers/3", Blob.of("b"), FIRST);
        assertThat(table.get("peers/3")).map(StoreValue::bytes).contains(Blob.of("b"));
        assertThatThrownBy(() -> table.put("peers/3", Blob.of("c"))).hasMessageContaining("held by live 3");
        assertThatThrownBy(() -> table.compareAndSet("peers/3", Optional.of(Blob.of("b")), Blob.of("c")))
                .hasMessageContaining("held by live 3");
    }

    @Test
    void removesAllKeysOfALostOwnerAndRefusesItsLateClaims() throws TransferException {
        table.claim("app/peers/3", Blob.of("a"), FIRST);
        table.claim("app/comm/0", Blob.of("a"), FIRST);
        long before = table.version();
        assertThat(table.ownerGone("3", FIRST.epoch(), "heartbeat timed out")).isEqualTo(2);
        Look.Answer seen =
                table.look(new Look.Query(Look.Scope.PREFIX, "app/", new Look.Cursor(before, 0)), Long.MAX_VALUE);
        assertThat(seen.changes()).extracting(Change::key).containsExactlyInAnyOrder("app/peers/3", "app/comm/0");
        assertThat(seen.changes())
                .allSatisfy(change -> assertThat(change).isInstanceOfSatisfying(Change.Removed.class, removed -> {
                    assertThat(removed.cause()).isEqualTo(Change.Cause.OWNER_GONE);
                    assertThat(removed.reason()).isEqualTo("heartbeat timed out");
                }));
        assertThatThrownBy(() -> table.claim("app/peers/3", Blob.of("a"), FIRST))
                .hasMessageContaining("3 (hosta:41, epoch=1a), which was removed: heartbeat timed out");
        table.claim("app/peers/3", Blob.of("b"), SECOND);
        assertThat(table.get("app/peers/3")).map(StoreValue::bytes).contains(Blob.of("b"));
    }

    @Test
    void refusesWhatDoesNotFitWithLimitAndActual() throws TransferException {
        StoreTable small = new StoreTable(1_000);
        small.put("a", Blob.of(new byte[600]));
        assertThatThrownBy(() -> small.put("b", Blob.of(new byte[600])))
                .hasMessageContaining("the store would hold bytes=1460 > limit=1000")
                .hasMessageContaining("spark.mooncake.store.memory");
        small.put("a", Blob.of(new byte[700]));
        small.delete("a");
        small.put("b", Blob.of(new byte[600]));
        assertThat(small.figures(0).bytes()).isEqualTo(730);
    }

    @Test
    void boundsTombstonesToo() throws TransferException {
        StoreTable small = new StoreTable(8_000);
        for (int i = 0; i < 10_000; i++) {
            small.put("key" + i, Blob.of("x"));
            small.delete("key" + i);
        }
        assertThat(small.figures(0).tombstoneBytes()).isBetween(1L, 1_000L);
        assertThat(small.figures(0).keys()).isZero();
        assertThat(small.figures(0).bytes()).isZero();
    }

    @Test
    void countsAndSaysWhatIsNoCounter() throws TransferException {
        assertThat(table.add("n", 5)).isEqualTo(5);
        assertThat(table.add("n", -7)).isEqualTo(-2);
        table.put("text", Blob.of("abc"));
        assertThatThrownBy(() -> table.add("text", 1)).hasMessageContaining("key=text holds 3 bytes and is no counter");
    }

    @Test
    void refusesKeysBeyondTheLimit() {
        assertThatThrownBy(() -> table.put("x".repeat(513), Blob.of("")))
                .hasMessageContaining("key of length=513 chars, allowed: 1 to limit=512");
    }

    /** Whatever happens between two looks, after a look the watcher knows exactly what the store holds. */
    @Test
    void watchersNeverMissAChange() throws TransferException {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            // Tombstones of a few keys only: most removals are forgotten before somebody looks.
            StoreTable small = new StoreTable(20_000);
            Map<String, Blob> model = new TreeMap<>();
            List<Watcher> watchers = List.of(new Watcher(""), new Watcher("a/"), new Watcher("b/1"));
            for (int step = 0; step < 400; step++) {
                mutate(small, model, random);
                Watcher watcher = watchers.get(random.nextInt(watchers.size()));
                if (random.nextInt(40) == 0) {
                    watcher.lookThrough(small, random, () -> mutate(small, model, random));
                } else if (random.nextInt(30) == 0) {
                    watcher.lookThrough(small, random, () -> {});
                    assertThat(watcher.known)
                            .as("seed %d step %d prefix %s", seed, step, watcher.prefix)
                            .isEqualTo(watcher.expected(model));
                }
            }
        }
    }

    private static void mutate(StoreTable table, Map<String, Blob> model, Random random) throws TransferException {
        String key = (random.nextBoolean() ? "a/" : "b/") + random.nextInt(30);
        switch (random.nextInt(5)) {
            case 0, 1 -> {
                Blob value = Blob.of("v" + random.nextInt());
                table.put(key, value);
                model.put(key, value);
            }
            case 2, 3 -> {
                table.delete(key);
                model.remove(key);
            }
            default -> {
                if (random.nextInt(20) == 0) {
                    table.deletePrefix("b/1");
                    model.keySet().removeIf(other -> other.startsWith("b/1"));
                }
            }
        }
    }

    private interface Step {
        void run() throws TransferException;
    }

    private static final class Watcher {
        private final String prefix;
        private final Map<String, Blob> known = new HashMap<>();
        private Look.Cursor cursor = Look.Cursor.START;

        Watcher(String prefix) {
            this.prefix = prefix;
        }

        /** Reads page by page until there is no more, with something happening between pages. */
        void lookThrough(StoreTable table, Random random, Step between) throws TransferException {
            Look.Answer answer;
            int pages = 0;
            do {
                assertThat(pages++).as("a look comes to an end").isLessThan(1_000);
                answer = table.look(new Look.Query(Look.Scope.PREFIX, prefix, cursor), 1 + random.nextInt(1_500));
                cursor = answer.cursor();
                if (answer.snapshot()) {
                    known.clear();
                }
                for (Change change : answer.changes()) {
                    change.fold(
                            present -> known.put(present.key(), present.value().bytes()),
                            removed -> known.remove(removed.key()));
                }
                between.run();
            } while (answer.more());
        }

        Map<String, Blob> expected(Map<String, Blob> model) {
            Map<String, Blob> mine = new HashMap<>(model);
            mine.keySet().removeIf(key -> !key.startsWith(prefix));
            return mine;
        }
    }
}
