-- Queries in the manner of TPC-H. Money is in cents, averages are whole numbers, and nothing is limited, so that every result is exact
-- whatever the order of its rows. Every query has a column "total" of whole numbers. A line "-- q" begins the next query.
-- q1
SELECT l_returnflag, l_linestatus, sum(l_quantity) AS quantity, sum(l_extendedprice) AS base,
       sum(l_extendedprice * (100 - l_discount)) AS total,
       sum(l_extendedprice * (100 - l_discount) * (100 + l_tax)) AS charge, count(*) AS n
FROM lineitem WHERE l_shipdate <= DATE'1998-09-02' GROUP BY l_returnflag, l_linestatus
-- q2
SELECT s_acctbal, s_name, n_name, p_partkey, ps_supplycost AS total
FROM part JOIN partsupp ON p_partkey = ps_partkey JOIN supplier ON s_suppkey = ps_suppkey
JOIN nation ON s_nationkey = n_nationkey JOIN region ON n_regionkey = r_regionkey
WHERE p_size < 15 AND p_type LIKE '%BRASS' AND r_name = 'EUROPE' AND ps_supplycost =
      (SELECT min(ps_supplycost) FROM partsupp JOIN supplier ON s_suppkey = ps_suppkey
       JOIN nation ON s_nationkey = n_nationkey JOIN region ON n_regionkey = r_regionkey
       WHERE p_partkey = ps_partkey AND r_name = 'EUROPE')
-- q3
SELECT l_orderkey, o_orderdate, sum(l_extendedprice * (100 - l_discount)) AS total
FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON l_orderkey = o_orderkey
WHERE c_mktsegment = 1 AND o_orderdate < DATE'1995-03-15' AND l_shipdate > DATE'1995-03-15'
GROUP BY l_orderkey, o_orderdate
-- q4
SELECT o_orderpriority, count(*) AS total FROM orders
WHERE o_orderdate >= DATE'1993-07-01' AND o_orderdate < DATE'1993-10-01'
  AND EXISTS (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
GROUP BY o_orderpriority
-- q5
SELECT n_name, sum(l_extendedprice * (100 - l_discount)) AS total
FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON l_orderkey = o_orderkey
JOIN supplier ON l_suppkey = s_suppkey AND c_nationkey = s_nationkey
JOIN nation ON s_nationkey = n_nationkey
WHERE n_regionkey = 2 AND o_orderdate >= DATE'1994-01-01' AND o_orderdate < DATE'1995-01-01'
GROUP BY n_name
-- q6
SELECT sum(l_extendedprice * l_discount) AS total FROM lineitem
WHERE l_shipdate >= DATE'1994-01-01' AND l_shipdate < DATE'1995-01-01' AND l_discount BETWEEN 5 AND 7 AND l_quantity < 24
-- q7
SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, year(l_shipdate) AS l_year,
       sum(l_extendedprice * (100 - l_discount)) AS total
FROM supplier JOIN lineitem ON s_suppkey = l_suppkey JOIN orders ON o_orderkey = l_orderkey
JOIN customer ON c_custkey = o_custkey JOIN nation n1 ON s_nationkey = n1.n_nationkey
JOIN nation n2 ON c_nationkey = n2.n_nationkey
WHERE ((n1.n_name = 'NATION 1' AND n2.n_name = 'NATION 2') OR (n1.n_name = 'NATION 2' AND n2.n_name = 'NATION 1'))
  AND l_shipdate BETWEEN DATE'1995-01-01' AND DATE'1996-12-31'
GROUP BY n1.n_name, n2.n_name, year(l_shipdate)
-- q8
SELECT o_year, sum(CASE WHEN nation = 'NATION 3' THEN volume ELSE 0 END) * 10000 DIV sum(volume) AS share, sum(volume) AS total
FROM (SELECT year(o_orderdate) AS o_year, l_extendedprice * (100 - l_discount) AS volume, n2.n_name AS nation
      FROM part JOIN lineitem ON p_partkey = l_partkey JOIN supplier ON s_suppkey = l_suppkey
      JOIN orders ON l_orderkey = o_orderkey JOIN customer ON o_custkey = c_custkey
      JOIN nation n1 ON c_nationkey = n1.n_nationkey JOIN region ON n1.n_regionkey = r_regionkey
      JOIN nation n2 ON s_nationkey = n2.n_nationkey
      WHERE r_name = 'AMERICA' AND o_orderdate BETWEEN DATE'1995-01-01' AND DATE'1996-12-31'
        AND p_type LIKE 'ECONOMY%') GROUP BY o_year
-- q9
SELECT n_name, year(o_orderdate) AS o_year,
       sum(l_extendedprice * (100 - l_discount) - ps_supplycost * l_quantity * 100) AS total
FROM lineitem JOIN part ON p_partkey = l_partkey JOIN supplier ON s_suppkey = l_suppkey
JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
JOIN orders ON o_orderkey = l_orderkey JOIN nation ON n_nationkey = s_nationkey
WHERE p_name LIKE '%green%' GROUP BY n_name, year(o_orderdate)
-- q10
SELECT c_custkey, c_name, c_acctbal, n_name, sum(l_extendedprice * (100 - l_discount)) AS total
FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON l_orderkey = o_orderkey
JOIN nation ON c_nationkey = n_nationkey
WHERE o_orderdate >= DATE'1993-10-01' AND o_orderdate < DATE'1994-01-01' AND l_returnflag = 1
GROUP BY c_custkey, c_name, c_acctbal, n_name
-- q11
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS total
FROM partsupp JOIN supplier ON ps_suppkey = s_suppkey JOIN nation ON s_nationkey = n_nationkey
WHERE n_name = 'NATION 7' GROUP BY ps_partkey
HAVING sum(ps_supplycost * ps_availqty) * 10000 >
       (SELECT sum(ps_supplycost * ps_availqty) FROM partsupp JOIN supplier ON ps_suppkey = s_suppkey
        JOIN nation ON s_nationkey = n_nationkey WHERE n_name = 'NATION 7')
-- q12
SELECT l_shipmode, sum(CASE WHEN o_orderpriority < 2 THEN 1 ELSE 0 END) AS high_line_count,
       sum(CASE WHEN o_orderpriority < 2 THEN 0 ELSE 1 END) AS total
FROM orders JOIN lineitem ON o_orderkey = l_orderkey
WHERE l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
  AND l_receiptdate >= DATE'1994-01-01' AND l_receiptdate < DATE'1995-01-01' GROUP BY l_shipmode
-- q13
SELECT c_count, count(*) AS total
FROM (SELECT c_custkey, count(o_orderkey) AS c_count
      FROM customer LEFT OUTER JOIN orders ON c_custkey = o_custkey AND o_comment NOT LIKE '%green%peach%'
      GROUP BY c_custkey) GROUP BY c_count
-- q14
SELECT 10000 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (100 - l_discount) ELSE 0 END)
         DIV sum(l_extendedprice * (100 - l_discount)) AS share, count(*) AS total
FROM lineitem JOIN part ON l_partkey = p_partkey
WHERE l_shipdate >= DATE'1995-09-01' AND l_shipdate < DATE'1995-10-01'
-- q15
WITH revenue AS (SELECT l_suppkey AS supplier_no, sum(l_extendedprice * (100 - l_discount)) AS total FROM lineitem
                 WHERE l_shipdate >= DATE'1996-01-01' AND l_shipdate < DATE'1996-04-01' GROUP BY l_suppkey)
SELECT s_suppkey, s_name, total FROM supplier JOIN revenue ON s_suppkey = supplier_no
WHERE total = (SELECT max(total) FROM revenue)
-- q16
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS total
FROM partsupp JOIN part ON p_partkey = ps_partkey
WHERE p_brand <> 5 AND p_type NOT LIKE 'PROMO%' AND p_size IN (49, 14, 23, 45, 19, 3, 36, 9)
  AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%lemon%')
GROUP BY p_brand, p_type, p_size
-- q17
SELECT sum(l_extendedprice) DIV 7 AS total FROM lineitem JOIN part ON p_partkey = l_partkey
WHERE p_brand = 3 AND p_container < 10 AND l_quantity * 5 <
      (SELECT sum(l_quantity) DIV count(*) FROM lineitem WHERE l_partkey = p_partkey)
-- q18
SELECT c_name, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) AS total
FROM customer JOIN orders ON c_custkey = o_custkey JOIN lineitem ON o_orderkey = l_orderkey
WHERE o_orderkey IN
      (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 250)
GROUP BY c_name, o_orderkey, o_orderdate, o_totalprice
-- q19
SELECT sum(l_extendedprice * (100 - l_discount)) AS total FROM lineitem JOIN part ON p_partkey = l_partkey
WHERE (p_brand = 1 AND p_container < 10 AND l_quantity BETWEEN 1 AND 11 AND p_size BETWEEN 1 AND 5 AND l_shipmode IN ('AIR', 'MAIL'))
   OR (p_brand = 2 AND p_container < 20 AND l_quantity BETWEEN 10 AND 20 AND p_size BETWEEN 1 AND 10 AND l_shipmode IN ('AIR', 'MAIL'))
   OR (p_brand = 3 AND p_container < 30 AND l_quantity BETWEEN 20 AND 30 AND p_size BETWEEN 1 AND 15 AND l_shipmode IN ('AIR', 'MAIL'))
-- q20
SELECT s_name, s_suppkey AS total FROM supplier JOIN nation ON s_nationkey = n_nationkey
WHERE n_regionkey = 1 AND s_suppkey IN
      (SELECT ps_suppkey FROM partsupp WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE 'green%')
       AND ps_availqty * 2 > (SELECT sum(l_quantity) FROM lineitem WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey
                              AND l_shipdate >= DATE'1994-01-01' AND l_shipdate < DATE'1995-01-01'))
-- q21
SELECT s_name, count(*) AS total FROM supplier JOIN lineitem l1 ON s_suppkey = l1.l_suppkey
JOIN orders ON o_orderkey = l1.l_orderkey JOIN nation ON s_nationkey = n_nationkey
WHERE o_orderstatus = 'F' AND l1.l_receiptdate > l1.l_commitdate AND n_regionkey = 3
  AND EXISTS (SELECT * FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
  AND NOT EXISTS (SELECT * FROM lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey
                  AND l3.l_receiptdate > l3.l_commitdate)
GROUP BY s_name
-- q22
SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS total
FROM (SELECT substring(c_phone, 1, 2) AS cntrycode, c_acctbal, c_custkey FROM customer
      WHERE substring(c_phone, 1, 2) IN ('13', '31', '23', '29', '30', '18', '17')
        AND c_acctbal > (SELECT sum(c_acctbal) DIV count(*) FROM customer WHERE c_acctbal > 0
                         AND substring(c_phone, 1, 2) IN ('13', '31', '23', '29', '30', '18', '17')))
WHERE NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey) GROUP BY cntrycode
