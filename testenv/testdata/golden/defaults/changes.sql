INSERT INTO d (tsc, tsn, dtc, ex) VALUES ('2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'u');
INSERT INTO d (i, ineg, l, lu, t, tb, bo, b1, b8, f, db, de, dn, dint, c, v, ve, vn, e, s, da, ti, dt, dt3, dt6, ts, tsc, tsn, dtc, y, bn, vb, ex, exi)
 VALUES (1, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, '', NULL, NULL, 'a', NULL, NULL, NULL, NULL, NULL, '2026-01-01 00:00:00', NULL, NULL, '2026-01-01 00:00:00', NULL, NULL, NULL, NULL, NULL, NULL);
ALTER TABLE d ADD COLUMN late INT NOT NULL DEFAULT 42, ADD COLUMN later VARCHAR(20) DEFAULT 'x';
INSERT INTO d (tsc, tsn, dtc, ex) VALUES ('2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'u');
ALTER TABLE d ALTER COLUMN i SET DEFAULT 8, ALTER COLUMN later DROP DEFAULT;
INSERT INTO d (later, tsc, tsn, dtc, ex) VALUES (NULL, '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'u');
