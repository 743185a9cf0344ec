INSERT INTO words SELECT id + 10, c, v, u, u3, ucs, u16, u32, gbk, sjis, big5, euckr, greek, cyr, heb, asc7, l2, tt, tx, mt, lt, n, bin, e, s FROM (SELECT * FROM words) w;
UPDATE words SET v = 'naïve', e = 'small', s = 'b' WHERE id = 11;
UPDATE words SET lt = REPEAT('x', 70000) WHERE id = 11;
DELETE FROM words WHERE id = 12;
