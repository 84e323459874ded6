// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.spi.ControlPlane;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls the listener of this process, with the whole handshake, at the address that peers will use. An address that is not this
 * machine's may lead here from elsewhere only, as behind network address translation. If Spark binds another address, as with
 * {@code spark.driver.bindAddress=127.0.0.1}, the published one need not lead here: then the bound address is called instead.
 *
 * <p>Threading: {@link #prove} blocks its caller, within bounds.
 */
final class ListenerProof {
    private static final Logger LOG = LoggerFactory.getLogger(ListenerProof.class);

    /** How long an address that need not lead here may take to do so. */
    private static final Duration SHORT_PATIENCE = Duration.ofSeconds(5);

    private final Identity self;
    private final TransferSettings settings;
    private final ControlPlane plane;
    private final Map<String, String> attributes;

    ListenerProof(Identity self, TransferSettings settings, ControlPlane plane, Map<String, String> attributes) {
        this.self = self;
        this.settings = settings;
        this.plane = plane;
        this.attributes = attributes;
    }

    /**
     * Proves the listener, or logs a warning.
     *
     * @param abandon ends calls of this process that are under way
     * @throws TransferException if the listener does not answer where it must
     */
    void prove(int port, Runnable abandon) throws TransferException {
        String bound = settings.tcp().bindAddress();
        boolean here = Listener.isHere(self.host());
        Duration patience = settings.connectTimeout().multipliedBy(2);
        boolean must = here && bound.isEmpty();
        TransferException failure = call(self.host(), port, must ? patience : shorter(patience, SHORT_PATIENCE));
        if (failure == null) {
            return;
        }
        if (bound.isEmpty() && (here || !isSilence(failure))) {
            throw unproved(self.host(), port, failure);
        }
        abandon.run();
        if (bound.isEmpty()) {
            LOG.warn(
                    "{}. The address is not this machine's, so peers elsewhere may reach it all the same; if they do not, set"
                            + " spark.driver.host or SPARK_LOCAL_HOSTNAME",
                    unproved(self.host(), port, failure).getMessage());
            return;
        }
        TransferException boundFailure = call(bound, port, patience);
        if (boundFailure != null) {
            throw unproved(bound, port, boundFailure);
        }
        LOG.warn(
                "the listener was bound at address={} port={} as Spark's own services, and is published as host={}, where this"
                        + " process could not call it: {}. If peers on other machines cannot reach it either, set"
                        + " spark.driver.bindAddress (or the executor's --bind-address) to an address that host={} leads to",
                bound,
                port,
                self.host(),
                failure.getMessage(),
                self.host());
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private static boolean isSilence(TransferException failure) {
        return failure.code() == Code.UNREACHABLE || failure.code() == Code.TIMED_OUT;
    }

    /** Calls once and returns why there was no answer; null if there was one. */
    private @Nullable TransferException call(String host, int port, Duration patience) throws TransferException {
        PeerRecord record = new PeerRecord(self.name(), self.epoch(), host, port, attributes);
        try {
            plane.control(record)
                    .get(patience.toMillis(), TimeUnit.MILLISECONDS)
                    .close();
            return null;
        } catch (ExecutionException e) {
            return e.getCause() instanceof TransferException known
                    ? known
                    : new TransferException(Code.PROTOCOL, String.valueOf(e.getCause()), e);
        } catch (TimeoutException e) {
            return new TransferException(Code.TIMED_OUT, "no answer within " + patience.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw unproved(host, port, new TransferException(Code.CLOSED, "this thread was interrupted", e));
        }
    }

    private TransferException unproved(String address, int port, TransferException cause) {
        return new TransferException(
                Code.UNREACHABLE,
                "the listener was bound at host=" + self.host() + " port=" + port
                        + (address.equals(self.host()) ? "" : " address=" + address)
                        + " but this process itself could not call it there: " + cause.getMessage()
                        + ". Check that the host is this machine's and that no firewall is between",
                cause);
    }
}
