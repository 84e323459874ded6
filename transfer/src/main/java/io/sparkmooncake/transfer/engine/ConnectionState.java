// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

/**
 * Where a connection stands.
 *
 * <pre>
 *  WAITING_STORE ──► WAITING_PEER_WARMUP ──► WAITING_WARMUP_TRANSFER
 *        │             │      │    ▲                │        │
 *        │             │      │    └────────────────┘        │
 *        │             │      └──────► CONNECTED             │
 *        ▼             ▼                   ▼                 ▼
 *      LOST          LOST                LOST              LOST
 * </pre>
 */
enum ConnectionState {
    /** The peer's record is not known yet. */
    WAITING_STORE,
    /** The peer must act: accept the dial, grant warm-up slots, or say what it saw in them. */
    WAITING_PEER_WARMUP,
    /** This side reads, writes and reads back the slots over every path. */
    WAITING_WARMUP_TRANSFER,
    /** At least one path was proved, and the peer confirmed it. */
    CONNECTED,
    /** Over, with a reason. Nothing follows. */
    LOST;

    boolean mayBecome(ConnectionState next) {
        return switch (this) {
            case WAITING_STORE -> next == WAITING_PEER_WARMUP || next == LOST;
            case WAITING_PEER_WARMUP -> next == WAITING_WARMUP_TRANSFER || next == CONNECTED || next == LOST;
            case WAITING_WARMUP_TRANSFER -> next == WAITING_PEER_WARMUP || next == LOST;
            case CONNECTED -> next == LOST;
            case LOST -> false;
        };
    }
}
