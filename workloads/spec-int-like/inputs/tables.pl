#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# tables.pl ROWS: SQL for sqlite3: an in-memory shop of ROWS orders, with indices, joins, a recursion,
# updates, deletions and what they leave.
use strict;
use warnings;
use Lcg;

my $rows = shift;
my $random = Lcg->new(255);
my $customers = int($rows / 20) + 10;
print "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT);\n",
    "CREATE TABLE item(id INTEGER PRIMARY KEY, customer INTEGER, product TEXT, price INTEGER, day INTEGER);\n",
    "BEGIN;\n";
my @cities = map { "city$_" } 1 .. 40;
printf "INSERT INTO customer VALUES(%d,'name%d','%s');\n", $_, $random->below(100000), $random->pick(\@cities)
    for 1 .. $customers;
for (my $id = 1; $id <= $rows; $id += 50) {
    print 'INSERT INTO item VALUES', join(',', map {
        sprintf "(%d,%d,'product%d',%d,%d)", $_, 1 + $random->below($customers), $random->below(500),
            $random->below(10000), $random->below(3650)
    } $id .. $id + 49), ";\n";
}
print <<'END';
COMMIT;
CREATE INDEX item_customer ON item(customer);
CREATE INDEX item_product ON item(product, day);
SELECT city, count(*), sum(price), max(day) FROM customer JOIN item ON item.customer = customer.id
    GROUP BY city ORDER BY city;
SELECT product, count(DISTINCT customer), avg(price) FROM item GROUP BY product ORDER BY 3 DESC LIMIT 20;
SELECT a.product, b.product, count(*) FROM item a JOIN item b ON a.customer = b.customer AND a.day < b.day
    AND a.product < b.product WHERE a.id % 16 = 0 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 10;
WITH RECURSIVE walk(n, x) AS (SELECT 1, 7 UNION ALL
    SELECT n + 1, (x * 1103515245 + 12345) % 2147483648 FROM walk WHERE n < (SELECT count(*) FROM item))
    SELECT count(*), sum(x % 1000), max(x) FROM walk;
UPDATE item SET price = price * 11 / 10 WHERE day % 7 = 3;
UPDATE customer SET name = name || (SELECT count(*) FROM item WHERE customer = customer.id);
DELETE FROM item WHERE customer % 9 = 4;
SELECT count(*), sum(price) FROM item;
SELECT substr(product, 8), group_concat(day % 10, '') FROM (SELECT * FROM item WHERE price > 9000 ORDER BY id)
    GROUP BY product ORDER BY length(product), product LIMIT 30;
SELECT name, total, rank() OVER (ORDER BY total DESC, name) FROM (SELECT name, sum(price) AS total
    FROM customer JOIN item ON item.customer = customer.id GROUP BY customer.id) ORDER BY 3 LIMIT 25;
PRAGMA integrity_check;
END
