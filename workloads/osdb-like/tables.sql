-- SPDX-License-Identifier: MIT
-- oltp: the tables of a bank, as TPC-B has them, smaller.
create table branches (bid int primary key, balance int, filler char(88))
    with (fillfactor = 50);

create table tellers (tid int primary key, bid int, balance int, filler char(84))
    with (fillfactor = 50);

create table accounts (aid int primary key, bid int, balance int, filler char(84));

create table history (tid int, bid int, aid int, delta int, at timestamp, filler char(22));

insert into branches select b, 0, '' from generate_series(1, 8) b;

insert into tellers select t, (t - 1) / 10 + 1, 0, '' from generate_series(1, 80) t;

insert into accounts select a, (a - 1) / 5000 + 1, 0, '' from generate_series(1, 40000) a;

-- ir: rows of some 100 bytes, with keys that are unique, in tens, in hundreds; in no order.
create table items (key int primary key, tens int, hundreds int, code char(10), name varchar(40),
    amount int, filler char(30));

insert into items select (i::bigint * 7919) % 60000, i / 10, i / 100, substr(md5(i::text), 1, 10),
    md5((i / 10)::text), (i::bigint * 104729) % 1000, '' from generate_series(0, 59999) i;

create index items_tens on items (tens);

create index items_hundreds on items (hundreds);

create table groups (hundreds int primary key, name varchar(40), least int);

insert into groups select hundreds, md5(hundreds::text), min(amount) from items group by hundreds;

vacuum freeze analyze;

