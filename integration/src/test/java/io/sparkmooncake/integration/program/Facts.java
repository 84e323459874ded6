// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;

/**
 * The arguments of a program, and what it prints for the test that submitted it: one line {@code FACT name=value} each, and
 * lines that ask the test to do something to a host or a process, each of which the test answers with a line.
 *
 * @param arguments value by name
 * @param out where facts and requests go
 * @param in where answers come from
 */
public record Facts(Map<String, String> arguments, PrintStream out, BufferedReader in) {
    /** What a line begins with that asks for an action. */
    public static final String REQUEST = "PLEASE ";

    /** What the answer to a request begins with that could not be done. */
    public static final String FAILED = "failed: ";

    private static final String PREFIX = "FACT ";

    /** Reads words of the form {@code name=value}. */
    static Facts of(List<String> words, PrintStream out, BufferedReader in) {
        return new Facts(pairs(words), out, in);
    }

    /** Reads the facts back from the {@code lines} of a program. */
    public static Map<String, String> read(List<String> lines) {
        return pairs(lines.stream()
                .filter(line -> line.startsWith(PREFIX))
                .map(line -> line.substring(PREFIX.length()))
                .toList());
    }

    private static Map<String, String> pairs(List<String> words) {
        Map<String, String> pairs = new LinkedHashMap<>();
        words.forEach(word -> {
            int at = word.indexOf('=');
            pairs.put(word.substring(0, at), word.substring(at + 1));
        });
        return pairs;
    }

    String argument(String name) {
        String value = arguments.get(name);
        if (value == null) {
            throw new NoSuchElementException("the program was not given " + name + "=");
        }
        return value;
    }

    int number(String name) {
        return Integer.parseInt(argument(name));
    }

    /** How many executors the cluster has. */
    int executors() {
        return number("executors");
    }

    /** Asks the test to do something to the host with an address, and returns its answer. */
    String ask(String verb, String address, Object argument) {
        synchronized (in) {
            out.println(REQUEST + verb + " " + address + " " + argument);
            try {
                String answer = Objects.requireNonNullElse(in.readLine(), FAILED + "the test has ended");
                require(!answer.startsWith(FAILED), verb, address, argument, answer);
                return answer;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Kills an executor's process. */
    void kill(ExecutorProbe executor) {
        ask("kill", executor.host(), executor.pid());
    }

    boolean isAlive(ExecutorProbe executor) {
        return Boolean.parseBoolean(ask("alive", executor.host(), executor.pid()));
    }

    /** Asks what memory an executor's process has, and its host has had at most, in KiB. */
    Map<String, Long> memory(ExecutorProbe executor) {
        Map<String, Long> kibibytes = new LinkedHashMap<>();
        pairs(List.of(ask("memory", executor.host(), executor.pid()).split(" ", -1)))
                .forEach((name, value) -> kibibytes.put(name, Long.valueOf(value)));
        return kibibytes;
    }

    void tell(String name, Object value) {
        out.println(PREFIX + name + "=" + value.toString().replace('\n', ' '));
    }

    /** Tells the messages of {@code failure} and of all its causes. */
    void tellFailure(String name, Throwable failure) {
        StringBuilder messages = new StringBuilder();
        for (Throwable at = failure; at != null; at = at.getCause()) {
            messages.append(at).append(" | ");
        }
        tell(name, messages);
    }

    static void require(boolean holds, Object... what) {
        if (!holds) {
            throw new IllegalStateException(Arrays.toString(what));
        }
    }
}
