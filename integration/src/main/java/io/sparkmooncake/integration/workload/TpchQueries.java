// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.List;
import java.util.Map;

/**
 * Queries in the manner of TPC-H over generated tables of its sizes and key relations. The numbers are not TPC-H
 * results: money is in cents, there is no {@code partsupp}, and the results are not limited.
 */
final class TpchQueries {
    private static final Map<String, String> QUERIES = Map.of("q1", """
            SELECT l_returnflag, l_linestatus, sum(l_quantity) AS quantity, sum(l_extendedprice) AS base,
                   sum(l_extendedprice * (100 - l_discount)) AS total,
                   sum(l_extendedprice * (100 - l_discount) * (100 + l_tax)) AS charge, count(*) AS n
            FROM lineitem WHERE l_shipdate <= DATE'1998-09-02' GROUP BY l_returnflag, l_linestatus""", "q3", """
            SELECT l_orderkey, o_orderdate, sum(l_extendedprice * (100 - l_discount)) AS total
            FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON l_orderkey = o_orderkey
            WHERE c_mktsegment = 1 AND o_orderdate < DATE'1995-03-15' AND l_shipdate > DATE'1995-03-15'
            GROUP BY l_orderkey, o_orderdate""", "q5", """
            SELECT n_name, sum(l_extendedprice * (100 - l_discount)) AS total
            FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON l_orderkey = o_orderkey
            JOIN supplier ON l_suppkey = s_suppkey AND c_nationkey = s_nationkey
            JOIN nation ON s_nationkey = n_nationkey
            WHERE n_regionkey = 2 AND o_orderdate >= DATE'1994-01-01' AND o_orderdate < DATE'1995-01-01'
            GROUP BY n_name""", "q9", """
            SELECT n_name, year(o_orderdate) AS o_year,
                   sum(l_extendedprice * (100 - l_discount) - p_supplycost * l_quantity * 100) AS total
            FROM lineitem JOIN part ON p_partkey = l_partkey JOIN supplier ON s_suppkey = l_suppkey
            JOIN orders ON o_orderkey = l_orderkey JOIN nation ON n_nationkey = s_nationkey
            WHERE p_name LIKE '%green%' GROUP BY n_name, year(o_orderdate)""", "q18", """
            SELECT c_name, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) AS total
            FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON o_orderkey = l_orderkey
            WHERE o_orderkey IN
                  (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 250)
            GROUP BY c_name, o_orderkey, o_orderdate, o_totalprice""");

    private TpchQueries() {}

    /** The query called {@code name}, such as {@code q3}, over the tables at the argument {@code scale}. */
    static SqlQuery named(String name, Arguments arguments) {
        String query = QUERIES.get(name);
        if (query == null) {
            throw new IllegalArgumentException("no TPC-H-like query '" + name + "'; known: "
                    + QUERIES.keySet().stream().sorted().toList());
        }
        return new SqlQuery(tables(Double.parseDouble(arguments.text("scale", "1"))), query);
    }

    private static List<String> tables(double scale) {
        long orders = Math.max(1, Math.round(1_500_000 * scale));
        long customers = Math.max(1, orders / 10);
        long parts = Math.max(1, Math.round(200_000 * scale));
        long suppliers = Math.max(1, Math.round(10_000 * scale));
        return List.of(
                view("nation", 25, "id AS n_nationkey", "id % 5 AS n_regionkey", "concat('NATION ', id) AS n_name"),
                view("supplier", suppliers, "id AS s_suppkey", random(1, 25) + " AS s_nationkey"),
                view(
                        "customer",
                        customers,
                        "id AS c_custkey",
                        "concat('Customer#', id) AS c_name",
                        random(2, 25) + " AS c_nationkey",
                        random(3, 5) + " AS c_mktsegment"),
                view(
                        "part",
                        parts,
                        "id AS p_partkey",
                        random(4, 100_000) + " AS p_supplycost",
                        "concat(" + color(5) + ", ' ', " + color(6) + ") AS p_name"),
                view(
                        "orders",
                        orders,
                        "id AS o_orderkey",
                        random(7, customers) + " AS o_custkey",
                        random(8, 50_000_000) + " AS o_totalprice",
                        date(9) + " AS o_orderdate"),
                view(
                        "lineitem",
                        4 * orders,
                        random(10, orders) + " AS l_orderkey",
                        random(11, parts) + " AS l_partkey",
                        random(12, suppliers) + " AS l_suppkey",
                        random(13, 50) + " + 1 AS l_quantity",
                        random(14, 10_000_000) + " + 90000 AS l_extendedprice",
                        random(15, 11) + " AS l_discount",
                        random(16, 9) + " AS l_tax",
                        random(17, 3) + " AS l_returnflag",
                        random(18, 2) + " AS l_linestatus",
                        date(19) + " AS l_shipdate"));
    }

    private static String view(String name, long rows, String... columns) {
        int slices = rows < 100_000 ? 1 : 8;
        return "CREATE OR REPLACE TEMP VIEW " + name + " AS SELECT " + String.join(", ", columns) + " FROM range(0, "
                + rows + ", 1, " + slices + ")";
    }

    private static String random(int salt, long bound) {
        return "pmod(xxhash64(id, " + salt + "), " + bound + "L)";
    }

    private static String date(int salt) {
        return "date_add(DATE'1992-01-01', cast(" + random(salt, 2500) + " AS INT))";
    }

    private static String color(int salt) {
        return "element_at(array('red','green','blue','ivory','khaki','lemon','linen','navy','olive','peach'), 1 + cast("
                + random(salt, 10) + " AS INT))";
    }
}
