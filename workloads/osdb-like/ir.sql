\set key random(0, 59999)
\set tens random(0, 5999)
\set hundreds random(0, 599)
select * from items where key = :key;
select * from items where tens = :tens;
select count(*) as found, sum(i.amount - g.least) as above from items i join groups g using (hundreds)
    where i.hundreds = :hundreds \gset
select count(*) as rows, count(distinct name) as names from items
    where tens between :tens - :tens % 10 and :tens - :tens % 10 + 9 \gset
\if :found <> 100 or :rows <> 100 or :names <> 10
select 1 / 0 as wrong_answer;
\endif
