-- The mark of the directory in which the files lie that rows here name; none until a node has marked one.
alter table identity add column files text;
