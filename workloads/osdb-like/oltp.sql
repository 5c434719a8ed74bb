\set aid random(1, 40000)
\set tid random(1, 80)
\set bid (:tid - 1) / 10 + 1
\set delta random(-5000, 5000)
begin;
update accounts set balance = balance + :delta where aid = :aid;
select balance from accounts where aid = :aid;
update tellers set balance = balance + :delta where tid = :tid;
update branches set balance = balance + :delta where bid = :bid;
insert into history values (:tid, :bid, :aid, :delta, current_timestamp, '');
end;
