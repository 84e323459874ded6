// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.List;

/** Tables of TPC-H's sizes and key relations as views over ranges of numbers: every value is a hash of its row's number. */
final class TpchTables {
    private static final String WORDS =
            "array('red','green','blue','ivory','khaki','lemon','linen','navy','olive','peach')";

    private final long orders;
    private final long customers;
    private final long parts;
    private final long suppliers;

    private TpchTables(double scale) {
        orders = Math.max(1, Math.round(1_500_000 * scale));
        customers = Math.max(1, orders / 10);
        parts = Math.max(1, Math.round(200_000 * scale));
        suppliers = Math.max(1, Math.round(10_000 * scale));
    }

    /** Returns the statements that define the tables; cheap, no data is stored. */
    static List<String> views(double scale) {
        TpchTables tables = new TpchTables(scale);
        return List.of(
                tables.region(),
                tables.nation(),
                tables.supplier(),
                tables.customer(),
                tables.part(),
                tables.partsupp(),
                tables.orders(),
                tables.lineitem());
    }

    private String region() {
        String names = "element_at(array('AFRICA','AMERICA','ASIA','EUROPE','MIDDLE EAST'), cast(id + 1 AS INT))";
        return view("region", 5, "id AS r_regionkey", names + " AS r_name");
    }

    private String nation() {
        return view("nation", 25, "id AS n_nationkey", "id % 5 AS n_regionkey", "concat('NATION ', id) AS n_name");
    }

    private String supplier() {
        return view(
                "supplier",
                suppliers,
                "id AS s_suppkey",
                "concat('Supplier#', id) AS s_name",
                random(1, 25) + " AS s_nationkey",
                random(22, 1_000_000) + " - 100000 AS s_acctbal",
                "concat(" + word(23) + ", ' ', " + word(24) + ") AS s_comment");
    }

    private String customer() {
        return view(
                "customer",
                customers,
                "id AS c_custkey",
                "concat('Customer#', id) AS c_name",
                random(2, 25) + " AS c_nationkey",
                random(3, 5) + " AS c_mktsegment",
                random(25, 1_000_000) + " - 100000 AS c_acctbal",
                "concat(10 + " + random(2, 25) + ", '-', " + random(26, 1_000_000) + ") AS c_phone");
    }

    private String part() {
        return view(
                "part",
                parts,
                "id AS p_partkey",
                "concat(" + word(5) + ", ' ', " + word(6) + ") AS p_name",
                random(27, 25) + " AS p_brand",
                "concat(element_at(array('STANDARD','SMALL','MEDIUM','LARGE','ECONOMY','PROMO'), 1 + cast("
                        + random(28, 6)
                        + " AS INT)), ' ', element_at(array('TIN','NICKEL','BRASS','STEEL','COPPER'), 1 + cast("
                        + random(29, 5) + " AS INT))) AS p_type",
                random(30, 50) + " + 1 AS p_size",
                random(31, 40) + " AS p_container");
    }

    /** Every part has four suppliers. */
    private String partsupp() {
        return view(
                "partsupp",
                4 * parts,
                "id DIV 4 AS ps_partkey",
                supplierOf("id DIV 4", "id % 4") + " AS ps_suppkey",
                random(32, 10_000) + " AS ps_availqty",
                random(4, 100_000) + " AS ps_supplycost");
    }

    private String orders() {
        return view(
                "orders",
                orders,
                "id AS o_orderkey",
                random(7, customers) + " AS o_custkey",
                random(8, 50_000_000) + " AS o_totalprice",
                date(9) + " AS o_orderdate",
                "IF(" + random(33, 2) + " = 0, 'F', 'O') AS o_orderstatus",
                random(34, 5) + " AS o_orderpriority",
                "concat(" + word(35) + ", ' ', " + word(36) + ") AS o_comment");
    }

    private String lineitem() {
        return view(
                "lineitem",
                4 * orders,
                random(10, orders) + " AS l_orderkey",
                random(11, parts) + " AS l_partkey",
                supplierOf(random(11, parts), random(12, 4)) + " AS l_suppkey",
                random(13, 50) + " + 1 AS l_quantity",
                random(14, 10_000_000) + " + 90000 AS l_extendedprice",
                random(15, 11) + " AS l_discount",
                random(16, 9) + " AS l_tax",
                random(17, 3) + " AS l_returnflag",
                random(18, 2) + " AS l_linestatus",
                date(19) + " AS l_shipdate",
                "date_add(" + date(19) + ", cast(" + random(37, 60) + " - 30 AS INT)) AS l_commitdate",
                "date_add(" + date(19) + ", cast(" + random(38, 30) + " + 1 AS INT)) AS l_receiptdate",
                "element_at(array('AIR','MAIL','RAIL','SHIP','TRUCK'), 1 + cast(" + random(39, 5)
                        + " AS INT)) AS l_shipmode");
    }

    private String supplierOf(String part, String choice) {
        return "pmod((" + part + ") + (" + choice + ") * " + (suppliers / 4 + 1) + "L, " + suppliers + "L)";
    }

    private static String view(String name, long rows, String... columns) {
        int slices = rows < 100_000 ? 3 : 8;
        return "CREATE OR REPLACE TEMP VIEW " + name + " AS SELECT " + String.join(", ", columns) + " FROM range(0, "
                + rows + ", 1, " + slices + ")";
    }

    private static String random(int salt, long bound) {
        return "pmod(xxhash64(id, " + salt + "), " + bound + "L)";
    }

    private static String date(int salt) {
        return "date_add(DATE'1992-01-01', cast(" + random(salt, 2500) + " AS INT))";
    }

    private static String word(int salt) {
        return "element_at(" + WORDS + ", 1 + cast(" + random(salt, 10) + " AS INT))";
    }
}
