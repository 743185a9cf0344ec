INSERT INTO moments SELECT id + 10, d, t, t3, t6, dt, dt1, dt3, dt6, ts, ts1, ts3, ts6, y FROM (SELECT * FROM moments) m;
UPDATE moments SET d = '2000-02-29', t6 = '-01:02:03.4', ts6 = '2030-01-01 00:00:00.1', y = 1999 WHERE id = 11;
DELETE FROM moments WHERE id = 13;
INSERT INTO required SELECT id + 10, d, dt, dt6, ts, t, y FROM (SELECT * FROM required) r;
