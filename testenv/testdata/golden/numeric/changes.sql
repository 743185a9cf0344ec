INSERT INTO ints SELECT id + 10, t, tu, t1, b, s, su, m, mu, i, iu, iz, l, lu, b1, b8, b20, b64 FROM ints WHERE id < 10;
UPDATE ints SET t = 5, lu = 18446744073709551614, b20 = b'1010' WHERE id = 12;
UPDATE ints SET t = NULL WHERE id = 12;
DELETE FROM ints WHERE id = 11;
INSERT INTO reals (f, f10, f30, fmd, fu, d, dmd, r, dec0, dec2, dec38, dec65, decu, num) SELECT f, f10, f30, fmd, fu, d, dmd, r, dec0, dec2, dec38, dec65, decu, num FROM (SELECT * FROM reals) x;
UPDATE reals SET dec2 = dec2 / 3, d = d / 3 WHERE id IN (3, 4);
DELETE FROM reals WHERE id = 1;
